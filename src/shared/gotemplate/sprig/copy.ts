import { appendedSlice } from '../capacity.ts';
import { GoError, type CallContext } from '../function.ts';
import { ensureDepth } from '../limits.ts';
import { GoMap, GoObject, GoSlice, type GoValue } from '../values.ts';
import { copyOfVersion } from './semver.ts';

/**
 * sprig's deepCopy (copystructure): lists and dicts at every level are new, of the same types and capacities, nil staying
 * nil.
 * @throws {GoError} for nil, which it does not take.
 */
export function deepCopy(context: CallContext, value: GoValue): GoValue {
  if (value === null) throw new GoError('reflect: call of reflect.Value.Type on zero Value');
  return copyValue(context, value, 0);
}

function copyValue(context: CallContext, value: GoValue, depth: number): GoValue {
  if (value instanceof GoSlice) return copySlice(context, value, depth);
  if (value instanceof GoMap) return copyMap(context, value, depth);
  return value instanceof GoObject ? copyOfVersion(value) : value;
}

function copySlice(context: CallContext, slice: GoSlice, depth: number): GoSlice {
  if (slice.isNil) return slice;
  ensureDepth(depth);
  context.allocate(96 + 16 * slice.capacity);
  const elements = slice.toArray().map((element) => copyValue(context, element, depth + 1));
  return appendedSlice(slice.elementType, elements, slice.capacity);
}

function copyMap(context: CallContext, map: GoMap, depth: number): GoMap {
  if (map.isNil) return map;
  ensureDepth(depth);
  context.allocate(192 + 64 * map.entries.size);
  const entries = new Map<string, GoValue>();
  for (const [key, value] of map.entries) entries.set(key, copyValue(context, value, depth + 1));
  return new GoMap(map.elementType, entries);
}
