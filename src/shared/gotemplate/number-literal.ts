import { type ByteString } from './byte-string.ts';
import { quote, unquoteChar } from './quote.ts';
import { wrapInt } from './values.ts';

/**
 * Values of a number literal by type, undefined where it has none. A whole number is also a float, and a float without
 * fraction a whole number.
 */
interface NumberValue {
  readonly int: bigint | undefined;
  readonly uint: bigint | undefined;
  readonly float: number | undefined;
  readonly complex: { readonly real: number; readonly imaginary: number } | undefined;
}

const integerText =
  /^[+-]?(?:0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0[oO]_?[0-7]+(?:_[0-7]+)*|0[bB]_?[01]+(?:_[01]+)*|0(?:_?[0-7]+(?:_[0-7]+)*)?|[1-9][0-9]*(?:_[0-9]+)*)$/;

const decimalText = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

const hexFloatText = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?[pP]([+-]?[0-9]+)$/;

/** More characters than any number needs; reading digits takes time by the square of their count. */
const maxLiteral = 1_000;

/**
 * strconv.ParseInt with base 0, without its bound; undefined when it is no whole number, or so long that it is out of
 * every range.
 */
function parseInteger(text: ByteString): bigint | undefined {
  if (text.length > maxLiteral || !integerText.test(text)) return undefined;
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '').replaceAll('_', '');
  const octal = /^0[0-9]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  const magnitude = BigInt(octal);
  return negative ? -magnitude : magnitude;
}

/** Go's rule for underscores: between two digits, or between the base prefix and a digit. */
function underscoresAreFine(text: ByteString): boolean {
  const digits = text.replace(/^[+-]/, '');
  const isHex = /^0[xX]/.test(digits);
  const body = /^0[xXoObB]/.test(digits) ? `0${digits.slice(2)}` : digits;
  return !(isHex ? /(?:^|[^0-9a-fA-F])_|_(?:[^0-9a-fA-F]|$)/ : /(?:^|[^0-9])_|_(?:[^0-9]|$)/).test(body);
}

/** strconv.ParseFloat for what a template's lexer takes for a number; undefined when it is malformed or out of range. */
function parseFloat64(text: ByteString): number | undefined {
  if (text.length > maxLiteral || (text.includes('_') && !underscoresAreFine(text))) return undefined;
  const bare = text.replaceAll('_', '');
  const value = decimalText.test(bare) ? Number(bare) : parseHexFloat(bare);
  return value === undefined || !Number.isFinite(value) ? undefined : value;
}

function parseHexFloat(text: ByteString): number | undefined {
  const match = hexFloatText.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  if (whole + fraction === '') return undefined;
  const magnitude = scale(BigInt(`0x${whole}${fraction}`), Number(exponent) - 4 * fraction.length);
  return sign === '-' ? -magnitude : magnitude;
}

/** mantissa * 2^exponent, rounded once: the mantissa is cut to what the result can hold, keeping whether bits were lost. */
function scale(mantissa: bigint, exponent: number): number {
  if (mantissa === 0n) return 0;
  const bits = mantissa.toString(2).length;
  if (exponent + bits > 1100) return Infinity;
  if (exponent + bits < -1100) return 0;
  // A subnormal has fewer than 53 bits: round where its last bit is.
  const drop = Math.max(bits - 53, -1074 - exponent, 0);
  const kept = mantissa >> BigInt(drop);
  const rest = mantissa - (kept << BigInt(drop));
  const half = drop === 0 ? 1n : 1n << BigInt(drop - 1);
  const up = drop > 0 && (rest > half || (rest === half && kept % 2n === 1n));
  return timesPowerOfTwo(Number(up ? kept + 1n : kept), exponent + drop);
}

/** Exact: the factor is applied in two steps that both stay in range. */
function timesPowerOfTwo(value: number, exponent: number): number {
  const first = Math.trunc(exponent / 2);
  return value * 2 ** first * 2 ** (exponent - first);
}

const minInt64 = -(1n << 63n);
const maxInt64 = (1n << 63n) - 1n;
const maxUint64 = (1n << 64n) - 1n;

function inRange(value: bigint, low: bigint, high: bigint): bigint | undefined {
  return value >= low && value <= high ? value : undefined;
}

function fromFloat(float: number): NumberValue {
  const whole = Number.isInteger(float) ? BigInt(float) : undefined;
  return {
    int: whole === undefined ? undefined : inRange(whole, minInt64, maxInt64),
    uint: whole === undefined ? undefined : inRange(whole, 0n, maxUint64),
    float,
    complex: undefined,
  };
}

function fromComplex(real: number, imaginary: number): NumberValue {
  const simple = imaginary === 0 ? fromFloat(real) : { int: undefined, uint: undefined, float: undefined };
  return { ...simple, complex: { real, imaginary } };
}

function fromInteger(value: bigint, signed: boolean): NumberValue | undefined {
  const int = inRange(value, minInt64, maxInt64);
  const uint = signed && value !== 0n ? undefined : inRange(value, 0n, maxUint64);
  if (int === undefined && uint === undefined) return undefined;
  return { int, uint, float: Number(int ?? uint), complex: undefined };
}

/** A number token, `1`, `0x1f`, `1_000`, `1e3`, `0x1p-2`, `2i`, or Go's complaint about it. */
export function parseNumber(text: ByteString): NumberValue | ByteString {
  const imaginary = text.endsWith('i') ? parseFloat64(text.slice(0, -1)) : undefined;
  if (imaginary !== undefined) return fromComplex(0, imaginary);
  const integer = parseInteger(text);
  const whole = integer === undefined ? undefined : fromInteger(integer, /^[+-]/.test(text));
  if (whole !== undefined) return whole;
  const float = parseFloat64(text);
  if (float === undefined) return `illegal number syntax: ${quote(text)}`;
  // It reads as a float only because it is too large for a whole number.
  if (!/[.eEpP]/.test(text)) return `integer overflow: ${quote(text)}`;
  return fromFloat(float);
}

/** A complex constant, `1+2i`. */
export function parseComplex(text: ByteString): NumberValue | ByteString {
  const split = /^(.*[^eEpP])([+-].*)i$/s.exec(text);
  const real = parseFloat64(split?.[1] ?? '');
  const imaginary = parseFloat64(split?.[2] ?? '');
  if (real === undefined || imaginary === undefined) return 'syntax error scanning complex number';
  return fromComplex(real, imaginary);
}

/** A character constant, `'a'`, which is a number in Go. */
export function parseCharacter(literal: ByteString): NumberValue | ByteString {
  const code = unquoteChar(literal);
  if (typeof code === 'string') return code;
  return { int: BigInt(code), uint: wrapInt('uint64', BigInt(code)), float: code, complex: undefined };
}
