import type { JsonObject, JsonValue } from '../json.ts';
import { type ByteString, toGoString } from './byte-string.ts';
import { appendedSlice } from './capacity.ts';
import type { Budget } from './budget.ts';
import { ensureDepth } from './limits.ts';
import { anyType, GoMap, type GoValue, int64 } from './values.ts';

/** Memory of a value without its text, in bytes. */
const valueBytes = 256;

/**
 * Data as Go values, copied: what a template changes with `set`, `merge` or `sortAlpha` is its own. An object's own keys
 * are taken, whatever they are called, and nothing from its prototype. Lists have the capacity that Go's JSON decoder
 * leaves them. A map is made when the template first looks into it, since most look into a few of those they are given.
 */
export function toGoMap(data: JsonObject, budget: Budget): GoMap {
  return toMap(data, budget, 0);
}

function toMap(data: JsonObject, budget: Budget, depth: number): GoMap {
  return new GoMap(anyType, () => {
    const entries = new Map<string, GoValue>();
    const keys = Object.keys(data);
    // In this order: what is too much anywhere is not sent elsewhere.
    budget.allocate(valueBytes * keys.length);
    budget.charge(stepsPerEntry * keys.length);
    for (const key of keys) entries.set(toGoString(key), toGoValue(data[key] ?? null, budget, depth + 1));
    return entries;
  });
}

/** Steps of an entry without its value. */
const stepsPerEntry = 4;

/** Texts from this length on are kept, characters. */
const longText = 256;

/**
 * The long texts that the renders of a budget have made byte strings of. The files of a volume mostly see the same data,
 * which includes a class with all its templates. Reading these again for each of a hundred files would take longer than
 * the rest.
 */
const longTexts = new WeakMap<Budget, Map<string, ByteString>>();

function toText(value: string, budget: Budget): ByteString {
  if (value.length < longText) return toGoString(value);
  const known = longTexts.get(budget) ?? new Map<string, ByteString>();
  longTexts.set(budget, known);
  const text = known.get(value) ?? readText(value, budget);
  known.set(value, text);
  return text;
}

function readText(value: string, budget: Budget): ByteString {
  budget.charge(value.length >> 8);
  const text = toGoString(value);
  if (text !== value) budget.allocate(text.length);
  return text;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function toGoValue(value: JsonValue, budget: Budget, depth: number): GoValue {
  ensureDepth(depth);
  switch (typeof value) {
    case 'string':
      return toText(value, budget);
    case 'bigint':
      return int64(value);
    case 'object':
      if (value === null) return null;
      if (isList(value)) {
        budget.allocate(valueBytes * value.length);
        const elements = value.map((item) => toGoValue(item, budget, depth + 1));
        return appendedSlice(anyType, elements);
      }
      return toMap(value, budget, depth);
    default:
      return value;
  }
}
