import type { ByteString } from './byte-string.ts';
import { GoError, InterfaceBox, ListElement, nilPointerError, type ParamType, type Ref } from './function.ts';
import { opened, staticTypeName } from './reference.ts';
import { describe, type NumberNode, type Operand } from './tree.ts';
import {
  anyType,
  GoComplex,
  GoInt,
  GoMap,
  GoObject,
  GoSlice,
  type GoValue,
  int,
  isIntKind,
  isUnsigned,
  type TypeName,
} from './values.ts';

/** A mistake found while a template runs. */
export class ExecFailure extends Error {
  override readonly name = 'ExecFailure';
  /** The part of the message that comes from the template and its types. */
  readonly reason: ByteString;
  /** The part after `reason`, which can contain text of the data. */
  readonly detail: ByteString;
  readonly ending: ByteString;

  constructor(reason: ByteString, detail: ByteString = '', ending: ByteString = '') {
    super(reason);
    this.reason = reason;
    this.detail = detail;
    this.ending = ending;
  }
}

export function paramTypeName(type: ParamType): TypeName {
  return typeof type === 'string' ? type : type.name;
}

/** Whether nil can be given for a parameter of this type. */
export function canBeNil(type: ParamType): boolean {
  if (typeof type !== 'string') return type.kind === 'ptr';
  return type === anyType || type === 'reflect.Value' || type.startsWith('[]') || type.startsWith('map');
}

/** The zero value of a type that can be nil. A nil pointer goes wrong in every method that takes one. */
export function zeroOf(type: ParamType): Ref {
  if (type === anyType) return null;
  if (type === 'reflect.Value') return undefined;
  if (typeof type !== 'string')
    throw type.nilComplaint === undefined ? nilPointerError() : new GoError(type.nilComplaint);
  return type.startsWith('[]') ? GoSlice.nil(type.slice(2)) : GoMap.nil(anyType);
}

/**
 * The value as an argument of this type.
 * @throws {ExecFailure} when it is none.
 */
export function checkType(ref: Ref, type: ParamType): Ref {
  if (ref === undefined) {
    if (canBeNil(type)) return zeroOf(type);
    throw new ExecFailure(`invalid value; expected ${paramTypeName(type)}`);
  }
  if (type === 'reflect.Value') return ref;
  if (type === anyType) return ref instanceof ListElement ? ref : (opened(ref) ?? null);
  const value = ref instanceof InterfaceBox && ref.value !== null ? ref.value : ref;
  const found = staticTypeName(value);
  const expected = paramTypeName(type);
  if (found !== expected) throw new ExecFailure(`wrong type for value; expected ${expected}; got ${found}`);
  return value;
}

/**
 * A literal as an argument of this type, which decides what a number is.
 * @throws {ExecFailure} when the literal is of another sort.
 */
export function literalArgument(node: Operand, type: ParamType): GoValue {
  if (type === anyType || type === 'reflect.Value') return literalValue(node);
  if (type === 'string') return node.kind === 'string' ? node.value : unexpected('string', node);
  if (type === 'bool') return node.kind === 'bool' ? node.value : unexpected('bool', node);
  if (type === 'float64') return (node.kind === 'number' ? node.float : undefined) ?? unexpected('float', node);
  if (typeof type !== 'string' && type.fromInteger !== undefined) {
    return new GoObject(type, type.fromInteger(integerLiteral(node)));
  }
  if (typeof type === 'string' && isIntKind(type)) {
    return new GoInt(type, isUnsigned(type) ? unsignedLiteral(node) : integerLiteral(node));
  }
  throw new ExecFailure(`can't handle ${describe(node)} for arg of type ${paramTypeName(type)}`);
}

function unexpected(wanted: string, node: Operand): never {
  throw new ExecFailure(`expected ${wanted}; found ${describe(node)}`);
}

function integerLiteral(node: Operand): bigint {
  return (node.kind === 'number' ? node.int : undefined) ?? unexpected('integer', node);
}

function unsignedLiteral(node: Operand): bigint {
  return (node.kind === 'number' ? node.uint : undefined) ?? unexpected('unsigned integer', node);
}

/** A literal where no parameter says what it should be. */
export function literalValue(node: Operand): GoValue {
  switch (node.kind) {
    case 'bool':
    case 'string':
      return node.value;
    case 'number':
      return numberValue(node);
    default:
      throw new ExecFailure(`can't handle assignment of ${describe(node)} to empty interface argument`);
  }
}

/** How the number is written decides its type: a point or an exponent makes a float64, everything else is an int. */
function numberValue({ literal, int: whole, uint, float, complex }: NumberNode): GoValue {
  if (complex !== undefined) return new GoComplex(complex.real, complex.imaginary);
  const isCharacter = literal.startsWith("'");
  const isHexInteger = /^0[xX][^pP]+$/.test(literal);
  if (float !== undefined && !isCharacter && !isHexInteger && /[.eEpP]/.test(literal)) return float;
  if (whole !== undefined) return int(whole);
  if (uint !== undefined) throw new ExecFailure(`${literal} overflows int`);
  throw new ExecFailure(`can't evaluate command ${literal}`);
}
