import { sprintf } from './fmt/printf.ts';
import { type CallContext, GoError, goFunction, type Ref } from './function.ts';
import { opened } from './reference.ts';
import { GoComplex, GoInt, GoMap, GoObject, GoSlice, type GoValue, kindName, typeName } from './values.ts';

/** eq, ne, lt, le, gt, ge: Go's rules of which types compare with which. */

type Basic =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'float'; readonly value: number }
  /** Signed and unsigned compare with each other, so they are one kind here. */
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'complex'; readonly value: GoComplex };

function basic(value: GoValue | undefined): Basic | undefined {
  switch (typeof value) {
    case 'boolean':
      return { kind: 'bool', value };
    case 'string':
      return { kind: 'string', value };
    case 'number':
      return { kind: 'float', value };
    default:
      return value instanceof GoComplex ? { kind: 'complex', value } : basicInteger(value);
  }
}

function basicInteger(value: GoValue | undefined): Basic | undefined {
  if (value instanceof GoInt) return { kind: 'int', value: value.value };
  const integer = value instanceof GoObject ? value.type.integer?.(value.data) : undefined;
  return integer === undefined ? undefined : { kind: 'int', value: integer };
}

const incompatible = 'incompatible types for comparison';
const invalid = 'invalid type for comparison';

function isNil(value: GoValue | undefined): boolean {
  if (value === undefined || value === null) return true;
  return (value instanceof GoSlice || value instanceof GoMap) && value.isNil;
}

/** Comparing equal strings looks at all of both. */
function chargeStrings(context: CallContext, a: Basic | undefined, b: Basic | undefined): void {
  if (a?.kind === 'string' && b?.kind === 'string') context.charge(Math.min(a.value.length, b.value.length) >> 9);
}

function equalBasic(a: Basic, b: Basic): boolean {
  if (a.kind === 'complex' && b.kind === 'complex') {
    return a.value.real === b.value.real && a.value.imaginary === b.value.imaginary;
  }
  if (a.kind !== b.kind) throw new GoError(incompatible);
  return a.value === b.value;
}

function equal(context: CallContext, a: GoValue | undefined, b: GoValue | undefined): boolean {
  const basicA = basic(a);
  const basicB = basic(b);
  chargeStrings(context, basicA, basicB);
  if (basicA !== undefined && basicB !== undefined) return equalBasic(basicA, basicB);
  if (basicA !== undefined || basicB !== undefined) {
    if (a !== undefined && b !== undefined) throw new GoError(incompatible);
    return false;
  }
  return equalOthers(context, a ?? null, b ?? null);
}

/** Lists, maps, structs and nil: all but structs and pointers compare with nil alone. */
function equalOthers(context: CallContext, a: GoValue, b: GoValue): boolean {
  if (a !== null && b !== null && kindName(a) !== kindName(b)) {
    const text = sprintf(context, '%s: %s, %s: %v', [a, typeName(a), typeName(b), b]);
    throw new GoError(`non-comparable types ${text}`);
  }
  if (isNil(a) || isNil(b)) return isNil(a) === isNil(b);
  if (!(b instanceof GoObject)) {
    throw new GoError(`non-comparable type ${sprintf(context, '%s: %s', [b, typeName(b)])}`);
  }
  if (!(a instanceof GoObject) || a.type !== b.type) return false;
  return a.type.equals === undefined ? a.data === b.data : a.type.equals(a.data, b.data);
}

function equalsAny(context: CallContext, first: Ref, others: readonly Ref[]): boolean {
  if (others.length === 0) throw new GoError('missing argument for comparison');
  const value = opened(first);
  return others.some((other) => equal(context, value, opened(other)));
}

function less(context: CallContext, first: Ref, second: Ref): boolean {
  const a = basic(opened(first));
  const b = basic(opened(second));
  chargeStrings(context, a, b);
  if (a === undefined || b === undefined) throw new GoError(invalid);
  if (a.kind === 'int' && b.kind === 'int') return a.value < b.value;
  if (a.kind !== b.kind) throw new GoError(incompatible);
  if (a.kind === 'string' && b.kind === 'string') return a.value < b.value;
  if (a.kind === 'float' && b.kind === 'float') return a.value < b.value;
  throw new GoError(invalid);
}

/** `<=` is `<` or `==`, which is not the same as not `>` where NaN is concerned. */
function lessOrEqual(context: CallContext, a: Ref, b: Ref): boolean {
  return less(context, a, b) || equalsAny(context, a, [b]);
}

function comparison(name: string, compare: (context: CallContext, a: Ref, b: Ref) => boolean) {
  return goFunction({ name, params: ['reflect.Value', 'reflect.Value'] }, compare);
}

export const compareBuiltins = [
  goFunction({ name: 'eq', params: ['reflect.Value'], variadic: 'reflect.Value' }, (context, first, ...others) =>
    equalsAny(context, first, others),
  ),
  comparison('ne', (context, a, b) => !equalsAny(context, a, [b])),
  comparison('lt', less),
  comparison('le', lessOrEqual),
  comparison('gt', (context, a, b) => !lessOrEqual(context, a, b)),
  comparison('ge', (context, a, b) => !less(context, a, b)),
];
