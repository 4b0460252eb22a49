import type { ByteString } from '../byte-string.ts';
import { GoError, goFunction, type CallContext, type GoFunction } from '../function.ts';
import { anyMap, anyType, GoMap, typeName, type GoValue } from '../values.ts';
import { appendedSlice } from '../capacity.ts';
import { deepCopy } from './copy.ts';
import { mergeInto } from './merge.ts';
import { toText } from './text.ts';

const any = 'interface {}';
const dictType = 'map[string]interface {}';

/** Memory of an entry of a dict without its key, in bytes. */
const entryBytes = 48;

/** Creates a dict from alternating keys and values; a last key without a value gets the empty string. */
function dict(context: CallContext, values: readonly GoValue[]): GoMap {
  context.allocate((entryBytes * values.length) / 2);
  const made = anyMap();
  for (let index = 0; index < values.length; index += 2) {
    made.entries.set(
      toText(context, values[index] ?? null),
      index + 1 < values.length ? (values[index + 1] ?? null) : '',
    );
  }
  return made;
}

function set(context: CallContext, target: GoMap, key: ByteString, value: GoValue): GoMap {
  if (target.isNil) throw new GoError('assignment to entry in nil map');
  context.allocate(entryBytes + key.length);
  target.entries.set(key, value);
  return target;
}

/** Go gives the keys and values of a map in random order; here it is the order of the keys, the same in every render. */
function sortedKeys(context: CallContext, source: GoMap): ByteString[] {
  const size = source.entries.size;
  context.allocate(16 * size);
  context.charge(20 + 2 * size * Math.ceil(Math.log2(size + 1)));
  return source.sortedKeys();
}

function filtered(context: CallContext, source: GoMap, isKept: (key: ByteString) => boolean): GoMap {
  context.allocate(entryBytes * source.entries.size);
  return anyMap(new Map([...source.entries].filter(([key]) => isKept(key))));
}

function pick(context: CallContext, source: GoMap, keys: readonly ByteString[]): GoMap {
  context.allocate(entryBytes * keys.length);
  const picked = anyMap();
  for (const key of keys) {
    const value = source.entries.get(key);
    if (value !== undefined) picked.entries.set(key, value);
  }
  return picked;
}

function pluck(key: ByteString, sources: readonly GoMap[]): GoValue[] {
  return sources.map((source) => source.entries.get(key)).filter((value) => value !== undefined);
}

function conversionError(value: GoValue, wanted: string): GoError {
  const found = value === null ? 'nil' : typeName(value);
  return new GoError(`interface conversion: interface {} is ${found}, not ${wanted}`);
}

function asDict(value: GoValue): GoMap {
  if (value instanceof GoMap && value.typeName === dictType) return value;
  throw conversionError(value, dictType);
}

/** Follows keys into a dict: dig KEY… DEFAULT DICT. Only a missing key gives the default. */
function dig(values: readonly GoValue[]): GoValue {
  if (values.length < 3) throw new GoError('dig needs at least three arguments');
  const source = asDict(values.at(-1) ?? null);
  const keys = values.slice(0, -2).map((key) => {
    if (typeof key !== 'string') throw conversionError(key, 'string');
    return key;
  });
  let found: GoValue = source;
  for (const key of keys) {
    const next: GoValue | undefined = asDict(found).entries.get(key);
    if (next === undefined) return values.at(-2) ?? null;
    found = next;
  }
  return found;
}

/** merge and its kin. The plain names give the empty string where the `must` names fail; panics pass through both. */
function mergeFunctions(name: string, overwrite: boolean): GoFunction[] {
  const mustName = `must${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return [name, mustName].map((named) =>
    goFunction({ name: named, params: [dictType], variadic: dictType, result: any }, (context, given, ...sources) => {
      const target = given.isNil && sources.some((source) => !source.isNil) ? anyMap() : given;
      try {
        for (const source of sources) mergeInto(context, target, source, overwrite);
      } catch (error) {
        if (named === name && error instanceof GoError && !error.text.startsWith('reflect')) return '';
        throw error;
      }
      return target;
    }),
  );
}

const changingFunctions: readonly GoFunction[] = [
  goFunction({ name: 'set', params: [dictType, 'string', any] }, set),
  goFunction({ name: 'unset', params: [dictType, 'string'] }, (_, target, key) => {
    target.entries.delete(key);
    return target;
  }),
  ...mergeFunctions('merge', false),
  ...mergeFunctions('mergeOverwrite', true),
];

const readingFunctions: readonly GoFunction[] = [
  goFunction({ name: 'dict', params: [], variadic: any }, (context, ...values) => dict(context, values)),
  goFunction({ name: 'get', params: [dictType, 'string'], result: any }, (_, source, key) => {
    const value = source.entries.get(key);
    return value === undefined ? '' : value;
  }),
  goFunction({ name: 'hasKey', params: [dictType, 'string'] }, (_, source, key) => source.entries.has(key)),
  goFunction({ name: 'dig', params: [], variadic: any, result: any }, (_, ...values) => dig(values)),
  goFunction({ name: 'pluck', params: ['string'], variadic: dictType }, (context, key, ...sources) => {
    context.allocate(16 * sources.length);
    return appendedSlice(anyType, pluck(key, sources));
  }),
  goFunction({ name: 'keys', params: [], variadic: dictType }, (context, ...sources) =>
    appendedSlice(
      'string',
      sources.flatMap((source) => sortedKeys(context, source)),
    ),
  ),
  goFunction({ name: 'values', params: [dictType] }, (context, source) =>
    appendedSlice(
      anyType,
      sortedKeys(context, source).map((key) => source.entries.get(key) ?? null),
    ),
  ),
  goFunction({ name: 'pick', params: [dictType], variadic: 'string' }, (context, source, ...keys) =>
    pick(context, source, keys),
  ),
  goFunction({ name: 'omit', params: [dictType], variadic: 'string' }, (context, source, ...keys) => {
    const omitted = new Set(keys);
    return filtered(context, source, (key) => !omitted.has(key));
  }),
  ...['deepCopy', 'mustDeepCopy'].map((name) => goFunction({ name, params: [any], result: any }, deepCopy)),
];

export const dictFunctions: readonly GoFunction[] = [...changingFunctions, ...readingFunctions];
