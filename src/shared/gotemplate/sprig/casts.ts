import { GoInt, GoObject, wrapInt, type GoValue } from '../values.ts';
import { parseGoFloat, parseGoInt } from './numbers.ts';

/**
 * spf13/cast 1.6, with which sprig's arithmetic converts any value. A value that cannot be converted is 0, without an
 * error. Of the named types time.Month and time.Weekday count as numbers, time.Duration does not.
 */
function plainInteger(value: GoValue): bigint | undefined {
  if (value instanceof GoInt) return value.value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  const isNumbered = value instanceof GoObject && value.type.kind === 'int';
  return isNumbered ? value.type.integer?.(value.data) : undefined;
}

/** Go's conversion of a float64 to int64 on amd64: beyond the range, and for NaN, the smallest integer. */
function truncateFloat(value: number): bigint {
  const minimum = -(1n << 63n);
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : minimum;
}

/** cast drops a fraction of zeros, `5.00`, before it parses text; of `5.0.` it leaves 5 too. */
function withoutZeroFraction(text: string): string {
  let sawZero = false;
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === '0') sawZero = true;
    else if (text[at] !== '.') break;
    else if (sawZero) return text.slice(0, at);
  }
  return text;
}

/** cast.ToInt64, and cast.ToInt, which is the same on 64 bits. Text is read in the base of its prefix. */
export function toInt64(value: GoValue): bigint {
  if (typeof value === 'number') return truncateFloat(value);
  if (typeof value === 'string') return readInt(withoutZeroFraction(value));
  return wrapInt('int64', plainInteger(value) ?? 0n);
}

function readInt(text: string): bigint {
  const { value, error } = parseGoInt(text, 0);
  return error === undefined ? value : 0n;
}

/** cast.ToFloat64. */
export function toFloat64(value: GoValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return parseGoFloat(value) ?? 0;
  return Number(plainInteger(value) ?? 0n);
}
