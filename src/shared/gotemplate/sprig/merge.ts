import { GoError, type CallContext } from '../function.ts';
import { ensureDepth } from '../limits.ts';
import { GoComplex, GoMap, GoObject, GoSlice, typeName, type GoValue, type TypeName } from '../values.ts';
import { isEmpty } from './defaults.ts';

/**
 * mergo 1.0.1 on dicts. Entries of `src` are put into `dst` where that is empty or, with `overwrite`, always. Dicts
 * that both have are merged in place. Lists are taken whole. Values are shared, not copied.
 * @throws {GoError} when a pointer meets a dict or a struct, or a map of strings is to take another type.
 */
export function mergeInto(context: CallContext, dst: GoMap, src: GoMap, overwrite: boolean, depth = 0): void {
  ensureDepth(depth);
  context.allocate(32 * src.entries.size);
  for (const [key, value] of [...src.entries]) {
    const current = dst.entries.get(key);
    if (value === null) {
      if (overwrite) put(dst, key, null, src);
      continue;
    }
    if (value instanceof GoSlice) refuseList(dst, key, value);
    if (current instanceof GoMap && value instanceof GoMap) {
      mergeInto(context, current, value, overwrite, depth + 1);
      if (!isVacant(current)) continue;
    }
    refusePointer(current, value, overwrite);
    if (overwrite || isVacant(current)) put(dst, key, value, src);
  }
}

/** mergo's idea of empty, which is sprig's except that it does not know complex numbers. */
function isVacant(value: GoValue | undefined): boolean {
  return value === undefined || (isEmpty(value) && !(value instanceof GoComplex));
}

function refusePointer(current: GoValue | undefined, value: GoValue, overwrite: boolean): void {
  const pointer = current instanceof GoObject && current.type.kind === 'ptr';
  const compound = value instanceof GoMap || (value instanceof GoObject && value.type.kind === 'struct');
  if (pointer && compound && !overwrite) throw new GoError('src and dst must be of same type');
}

/** A map of strings, such as split gives, takes what comes out of another one alone: Go panics even on a dict's strings. */
function put(dst: GoMap, key: string, value: GoValue, { elementType }: GoMap): void {
  if (dst.elementType === 'string' && elementType !== 'string') throw notAssignable(elementType);
  dst.entries.set(key, value);
}

/** Lists have a way of their own through mergo, which gets as far as a panic of another kind. */
function refuseList(dst: GoMap, key: string, list: GoSlice): void {
  if (dst.elementType !== 'string') return;
  if (dst.entries.has(key)) throw new GoError('reflect: call of reflect.Value.IsNil on string Value');
  throw notAssignable(typeName(list));
}

function notAssignable(type: TypeName): GoError {
  return new GoError(`reflect.Value.SetMapIndex: value of type ${type} is not assignable to type string`);
}
