import { goFunction, type GoFunction } from '../function.ts';
import { GoComplex, GoInt, GoMap, GoObject, GoSlice, type GoValue } from '../values.ts';

/** sprig's empty: the zero value of its type. A struct and a pointer are never empty. */
export function isEmpty(value: GoValue): boolean {
  if (value instanceof GoSlice) return value.length === 0;
  if (value instanceof GoMap) return value.entries.size === 0;
  if (value instanceof GoInt) return value.value === 0n;
  if (value instanceof GoComplex) return value.real === 0 && value.imaginary === 0;
  if (value instanceof GoObject) return value.type.integer?.(value.data) === 0n;
  return value === null || value === false || value === '' || value === 0;
}

const any = 'interface {}';

export const defaultFunctions: readonly GoFunction[] = [
  goFunction({ name: 'default', params: [any], variadic: any, result: any }, (_, fallback, ...given) => {
    const [first = null] = given;
    return isEmpty(first) ? fallback : first;
  }),
  goFunction({ name: 'empty', params: [any] }, (_, value) => isEmpty(value)),
  goFunction(
    { name: 'coalesce', params: [], variadic: any, result: any },
    (_, ...values) => values.find((value) => !isEmpty(value)) ?? null,
  ),
  goFunction({ name: 'all', params: [], variadic: any }, (_, ...values) => !values.some(isEmpty)),
  goFunction({ name: 'any', params: [], variadic: any }, (_, ...values) => values.some((value) => !isEmpty(value))),
  goFunction({ name: 'ternary', params: [any, any, 'bool'], result: any }, (_, whenTrue, whenFalse, condition) =>
    condition ? whenTrue : whenFalse,
  ),
];
