import type { CallContext } from '../function.ts';
import { ensureDepth } from '../limits.ts';
import { GoComplex, GoInt, GoMap, GoObject, GoSlice, NilPointer, type GoValue } from '../values.ts';

/** Marks a pair under comparison, so that values which contain themselves end: Go takes such a pair for equal. */
type Visited = Map<object, Set<object>>;

/**
 * reflect.DeepEqual: types must be the same at every level, NaN differs from itself, nil differs from empty. Objects
 * compare by their fields, which for those of this engine is the same as equal data.
 */
export function deepEqual(context: CallContext, a: GoValue, b: GoValue): boolean {
  return equalValues(context, a, b, new Map(), 0);
}

function equalValues(context: CallContext, a: GoValue, b: GoValue, visited: Visited, depth: number): boolean {
  context.charge(1);
  ensureDepth(depth);
  if (typeof a === 'string') {
    if (a.length > 64) context.charge(a.length / 16);
    return a === b;
  }
  if (a instanceof GoInt) return b instanceof GoInt && a.kind === b.kind && a.value === b.value;
  if (a instanceof GoComplex) return b instanceof GoComplex && a.real === b.real && a.imaginary === b.imaginary;
  if (a instanceof GoSlice) return b instanceof GoSlice && equalSlices(context, a, b, visited, depth);
  if (a instanceof GoMap) return b instanceof GoMap && equalMaps(context, a, b, visited, depth);
  if (a instanceof GoObject) return b instanceof GoObject && equalObjects(context, a, b, visited, depth);
  return a === b;
}

function equalObjects(context: CallContext, a: GoObject, b: GoObject, visited: Visited, depth: number): boolean {
  if (a === b) return true;
  if (a.type !== b.type) return false;
  const fields = a.type.fields?.(a.data);
  const others = b.type.fields?.(b.data);
  if (fields === undefined || others === undefined) return a.type.equals?.(a.data, b.data) ?? false;
  return fields.every(([, value], index) => {
    const other = others[index]?.[1] ?? null;
    if (value instanceof NilPointer || other instanceof NilPointer) return value === other;
    return equalValues(context, value, other, visited, depth + 1);
  });
}

function alreadyCompared(a: object, b: object, visited: Visited): boolean {
  const others = visited.get(a);
  if (others?.has(b) === true) return true;
  visited.set(a, (others ?? new Set()).add(b));
  return false;
}

function equalSlices(context: CallContext, a: GoSlice, b: GoSlice, visited: Visited, depth: number): boolean {
  if (a.elementType !== b.elementType || a.isNil !== b.isNil || a.length !== b.length) return false;
  if (a === b || alreadyCompared(a, b, visited)) return true;
  for (let index = 0; index < a.length; index++) {
    if (!equalValues(context, a.at(index), b.at(index), visited, depth + 1)) return false;
  }
  return true;
}

function equalMaps(context: CallContext, a: GoMap, b: GoMap, visited: Visited, depth: number): boolean {
  if (a.elementType !== b.elementType || a.isNil !== b.isNil || a.entries.size !== b.entries.size) return false;
  if (a === b || alreadyCompared(a, b, visited)) return true;
  for (const [key, value] of a.entries) {
    const other = b.entries.get(key);
    if (other === undefined || !equalValues(context, value, other, visited, depth + 1)) return false;
  }
  return true;
}
