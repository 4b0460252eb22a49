import type { ByteString } from './byte-string.ts';
import { compareBuiltins } from './comparison.ts';
import { escapeBuiltins } from './escapers.ts';
import { sprint, sprintln } from './fmt/print.ts';
import { sprintf } from './fmt/printf.ts';
import { GoError, type GoFunction, goFunction, type Ref } from './function.ts';
import { element, isTrue, listElement, opened, pointedTypeName, zeroElement } from './reference.ts';
import { GoInt, GoMap, GoObject, GoSlice, type GoValue, int, typeName } from './values.ts';

function unreachable(): never {
  throw new TypeError('the evaluator calls this itself');
}

/** `and`, `or` and `call` need the evaluator: it recognises these three and only takes their parameters from here. */
export const andFunction = goFunction(
  { name: 'and', params: ['reflect.Value'], variadic: 'reflect.Value' },
  unreachable,
);

export const orFunction = goFunction({ name: 'or', params: ['reflect.Value'], variadic: 'reflect.Value' }, unreachable);

export const callFunction = goFunction(
  { name: 'call', params: ['reflect.Value'], variadic: 'reflect.Value' },
  unreachable,
);

/** Why `call` cannot call this: no value of a template is a function. `name` is its first operand's text, if any. */
export function calleeProblem(name: ByteString | undefined, callable: Ref): never {
  const value = opened(callable);
  if (value === undefined) throw new GoError('call of nil');
  throw new GoError(`non-function ${name ?? pipedName(value)} of type ${typeName(value)}`);
}

/** reflect.Value.String(): a string itself, for all else only its type. */
function pipedName(value: GoValue): ByteString {
  return typeof value === 'string' ? value : `<${typeName(value)} Value>`;
}

const not = goFunction({ name: 'not', params: ['reflect.Value'] }, (_context, value) => !isTrue(value));

const len = goFunction({ name: 'len', params: ['reflect.Value'] }, (_context, item) => {
  if (item === undefined) throw new GoError('reflect: call of reflect.Value.Type on zero Value');
  const value = opened(item);
  if (value === undefined || value === null) throw new GoError('len of nil pointer');
  if (typeof value === 'string' || value instanceof GoSlice) return int(value.length);
  if (value instanceof GoMap) return int(value.entries.size);
  throw new GoError(`len of type ${pointedTypeName(value)}`);
});

const index = goFunction(
  { name: 'index', params: ['reflect.Value'], variadic: 'reflect.Value' },
  (context, item, ...indexes) => {
    let result: Ref = opened(item);
    if (result === undefined) throw new GoError('index of untyped nil');
    for (const position of indexes) {
      context.charge(1);
      const value = opened(result);
      if (value === undefined) throw new GoError('index of nil pointer');
      result = indexOnce(value, opened(position));
    }
    return result;
  },
);

function indexOnce(item: GoValue, position: GoValue | undefined): Ref {
  if (typeof item === 'string') {
    return new GoInt('uint8', BigInt(item.charCodeAt(checkIndex(position, item.length, 'string'))));
  }
  if (item instanceof GoSlice) {
    return listElement(item, checkIndex(position, item.length, 'slice'));
  }
  if (item instanceof GoMap) {
    if (position === undefined) throw new GoError('value is nil; should be of type string');
    if (typeof position !== 'string') throw new GoError(`value has type ${typeName(position)}; should be string`);
    const found = item.entries.get(position);
    return found === undefined ? zeroElement(item.elementType) : element(item.elementType, found);
  }
  throw new GoError(`can't index item of type ${pointedTypeName(item)}`);
}

/** The index as a number. Go lets one equal to the length pass its check, and reflection then words the error. */
function checkIndex(position: GoValue | undefined, length: number, what: string): number {
  if (position === undefined || position === null) throw new GoError('cannot index slice/array with nil');
  const value = integerOf(position);
  if (value === undefined) throw new GoError(`cannot index slice/array with type ${typeName(position)}`);
  if (value < 0n || value > BigInt(length)) throw new GoError(`index out of range: ${value.toString()}`);
  if (value === BigInt(length)) throw new GoError(`reflect: ${what} index out of range`);
  return Number(value);
}

function integerOf(value: GoValue): bigint | undefined {
  if (value instanceof GoInt) return BigInt.asIntN(64, value.value);
  return value instanceof GoObject ? value.type.integer?.(value.data) : undefined;
}

const print = goFunction({ name: 'print', params: [], variadic: 'interface {}' }, (context, ...operands) =>
  sprint(context, operands),
);

const println = goFunction({ name: 'println', params: [], variadic: 'interface {}' }, (context, ...operands) =>
  sprintln(context, operands),
);

const printf = goFunction(
  { name: 'printf', params: ['string'], variadic: 'interface {}' },
  (context, format, ...operands) => sprintf(context, format, operands),
);

/** text/template's own functions, all but `slice`, which sprig's hides. */
export const builtins: readonly GoFunction[] = [
  andFunction,
  orFunction,
  callFunction,
  not,
  len,
  index,
  print,
  println,
  printf,
  ...compareBuiltins,
  ...escapeBuiltins,
];
