import { GoError, goFunction, nilPointerError, type CallContext, type GoFunction } from '../function.ts';
import { anySlice, anyType, GoSlice, kindName, type GoValue } from '../values.ts';
import { toInt64 } from './casts.ts';
import { appendedSlice, grownCapacity } from '../capacity.ts';
import { isEmpty } from './defaults.ts';
import { deepEqual } from './equality.ts';

const any = 'interface {}';

/**
 * The argument as a list; sprig reflects on it before anything else, so nil is a panic.
 * @throws {GoError} for what is not a list, `complaint` with the kind found put at its `%s`.
 */
function listOf(value: GoValue, complaint: string): GoSlice {
  if (value === null) throw nilPointerError();
  if (value instanceof GoSlice) return value;
  throw new GoError(complaint.replace('%s', kindName(value)));
}

/** A copy of the elements as a []interface{}. */
function copyOf(context: CallContext, list: GoSlice, more = 0): GoValue[] {
  context.allocate(16 * (list.length + more));
  return list.toArray();
}

/** Describes a function under its plain name and under its `must` name, which in templates differ in nothing. */
function both(name: string, describe: (name: string) => GoFunction): GoFunction[] {
  return [name, `must${name.charAt(0).toUpperCase()}${name.slice(1)}`].map(describe);
}

function push(context: CallContext, value: GoValue, element: GoValue): GoSlice {
  const list = listOf(value, 'Cannot push on type %s');
  const elements = copyOf(context, list, list.length + 1);
  elements.push(element);
  return appendedSlice(anyType, elements, grownCapacity(list.length));
}

function prepend(context: CallContext, value: GoValue, element: GoValue): GoSlice {
  const list = listOf(value, 'Cannot prepend on type %s');
  return anySlice([element, ...copyOf(context, list, 1)]);
}

/** The number of chunks, by the same sums in floating point as sprig does, with what they give for odd sizes. */
function chunkCount(length: number, size: number): number {
  const count = Math.floor((length - 1) / size) + 1;
  if (!Number.isFinite(count) || count < 0) throw makesliceError();
  return count;
}

function makesliceError(): GoError {
  return new GoError('runtime error: makeslice: len out of range');
}

function chunk(context: CallContext, size: number, value: GoValue): GoSlice {
  const list = listOf(value, 'Cannot chunk type %s');
  const elements = copyOf(context, list);
  const count = chunkCount(elements.length, size);
  context.allocate(64 * count);
  const last = elements.length % size;
  if (count > 0 && last === 0 && size < 0) throw makesliceError();
  const chunks = Array.from({ length: count }, (_, index) =>
    anySlice(elements.slice(index * size, index === count - 1 ? undefined : (index + 1) * size)),
  );
  return new GoSlice(`[]${anyType}`, chunks);
}

function keep(
  context: CallContext,
  value: GoValue,
  complaint: string,
  isKept: (element: GoValue, kept: readonly GoValue[]) => boolean,
): GoSlice {
  const kept: GoValue[] = [];
  for (const element of copyOf(context, listOf(value, complaint))) {
    if (isKept(element, kept)) kept.push(element);
  }
  return appendedSlice(anyType, kept);
}

function isAmong(context: CallContext, element: GoValue, others: readonly GoValue[]): boolean {
  return others.some((other) => deepEqual(context, element, other));
}

function has(context: CallContext, needle: GoValue, haystack: GoValue): boolean {
  if (haystack === null) return false;
  const list = listOf(haystack, 'Cannot find has on type %s');
  for (let index = 0; index < list.length; index++) {
    if (deepEqual(context, needle, list.at(index))) return true;
  }
  return false;
}

/** list[from:to]; an empty list gives nil whatever the indices. The result shares the list's array. */
function slice(value: GoValue, indices: readonly GoValue[]): GoValue {
  const list = listOf(value, 'list should be type of slice or array but %s');
  if (list.length === 0) return null;
  const [from, to] = indices;
  const start = from === undefined ? 0n : toInt64(from);
  const end = to === undefined ? BigInt(list.length) : toInt64(to);
  if (start < 0n || end < start || end > BigInt(list.capacity)) {
    throw new GoError('reflect.Value.Slice: slice index out of bounds');
  }
  return list.slice(Number(start), Number(end));
}

function concat(context: CallContext, values: readonly GoValue[]): GoSlice {
  const lists = values.map((value) => listOf(value, 'Cannot concat type %s as list'));
  const elements = lists.flatMap((list) => copyOf(context, list));
  return elements.length === 0 ? GoSlice.nil(anyType) : appendedSlice(anyType, elements);
}

/** rest and initial: a nil list when there is nothing to take away. */
function part(context: CallContext, value: GoValue, name: 'rest' | 'initial'): GoSlice {
  const list = listOf(value, `Cannot find ${name} on type %s`);
  if (list.length === 0) return GoSlice.nil(anyType);
  const elements = copyOf(context, list);
  return anySlice(name === 'rest' ? elements.slice(1) : elements.slice(0, -1));
}

const elementFunctions: readonly GoFunction[] = [
  ...both('first', (name) =>
    goFunction({ name, params: [any], result: any }, (_, value) => {
      const list = listOf(value, 'Cannot find first on type %s');
      return list.length === 0 ? null : list.at(0);
    }),
  ),
  ...both('last', (name) =>
    goFunction({ name, params: [any], result: any }, (_, value) => {
      const list = listOf(value, 'Cannot find last on type %s');
      return list.length === 0 ? null : list.at(list.length - 1);
    }),
  ),
  ...both('rest', (name) => goFunction({ name, params: [any] }, (context, value) => part(context, value, 'rest'))),
  ...both('initial', (name) =>
    goFunction({ name, params: [any] }, (context, value) => part(context, value, 'initial')),
  ),
  ...both('has', (name) => goFunction({ name, params: [any, any] }, has)),
  ...both('slice', (name) =>
    goFunction({ name, params: [any], variadic: any, result: any }, (_, value, ...indices) => slice(value, indices)),
  ),
];

const buildingFunctions: readonly GoFunction[] = [
  ...['list', 'tuple'].map((name) =>
    goFunction({ name, params: [], variadic: any }, (context, ...values) => {
      context.allocate(16 * values.length);
      return anySlice(values);
    }),
  ),
  ...['append', 'push', 'mustAppend', 'mustPush'].map((name) => goFunction({ name, params: [any, any] }, push)),
  ...both('prepend', (name) => goFunction({ name, params: [any, any] }, prepend)),
  goFunction({ name: 'concat', params: [], variadic: any, result: any }, (context, ...values) =>
    concat(context, values),
  ),
  ...both('chunk', (name) =>
    goFunction({ name, params: ['int', any] }, (context, size, value) => chunk(context, Number(size), value)),
  ),
];

const filteringFunctions: readonly GoFunction[] = [
  ...both('reverse', (name) =>
    goFunction({ name, params: [any] }, (context, value) =>
      anySlice(copyOf(context, listOf(value, 'Cannot find reverse on type %s')).reverse()),
    ),
  ),
  ...both('compact', (name) =>
    goFunction({ name, params: [any] }, (context, value) =>
      keep(context, value, 'Cannot compact on type %s', (element) => !isEmpty(element)),
    ),
  ),
  ...both('uniq', (name) =>
    goFunction({ name, params: [any] }, (context, value) =>
      keep(context, value, 'Cannot find uniq on type %s', (element, kept) => !isAmong(context, element, kept)),
    ),
  ),
  ...both('without', (name) =>
    goFunction({ name, params: [any], variadic: any }, (context, value, ...omitted) =>
      keep(context, value, 'Cannot find without on type %s', (element) => !isAmong(context, element, omitted)),
    ),
  ),
];

export const listFunctions: readonly GoFunction[] = [...elementFunctions, ...buildingFunctions, ...filteringFunctions];
