/** strconv's readers of numbers, on byte strings. */

interface ParsedInt {
  /** On a range error the nearest int64, on a syntax error 0, as strconv.ParseInt returns with its error. */
  readonly value: bigint;
  readonly error?: 'syntax' | 'range';
}

const maxInt64 = (1n << 63n) - 1n;
const minInt64 = -(1n << 63n);

/** Longest text of digits that is worth turning into a BigInt: beyond it the value is out of range in any base. */
const maxDigits = 200;

/** Base 0: the base by Go's prefixes, and underscores between digits. */
const prefixedForms = [
  { pattern: /^0[xX]((?:_?[0-9a-fA-F])+)$/, prefix: '0x' },
  { pattern: /^0[bB]((?:_?[01])+)$/, prefix: '0b' },
  { pattern: /^0[oO]?((?:_?[0-7])+)$/, prefix: '0o' },
  { pattern: /^([1-9](?:_?[0-9])*|0)$/, prefix: '' },
] as const;

const plainForms = {
  8: { pattern: /^([0-7]+)$/, prefix: '0o' },
  10: { pattern: /^([0-9]+)$/, prefix: '' },
} as const;

/** strconv.ParseInt(text, base, 64). */
export function parseGoInt(text: string, base: 0 | 8 | 10): ParsedInt {
  const negative = text.startsWith('-');
  const unsigned = negative || text.startsWith('+') ? text.slice(1) : text;
  for (const { pattern, prefix } of base === 0 ? prefixedForms : [plainForms[base]]) {
    const digits = pattern.exec(unsigned)?.[1];
    if (digits !== undefined) return inRange(prefix, digits, negative);
  }
  return { value: 0n, error: 'syntax' };
}

function inRange(prefix: string, digits: string, negative: boolean): ParsedInt {
  const significant = digits.replaceAll('_', '').replace(/^0+(?=.)/, '');
  const magnitude = significant.length > maxDigits ? maxInt64 + 2n : BigInt(prefix + significant);
  const value = negative ? -magnitude : magnitude;
  if (value > maxInt64) return { value: maxInt64, error: 'range' };
  return value < minInt64 ? { value: minInt64, error: 'range' } : { value };
}

/** No digit can be taken by two parts of it, so that it fails in linear time. */
const decimalFloat =
  /^[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.(?:[0-9]+(?:_[0-9]+)*)?)?|\.[0-9]+(?:_[0-9]+)*)(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?$/;
const hexFloat = /^([-+]?)0[xX]((?:_?[0-9a-fA-F])*)(?:\.([0-9a-fA-F]*(?:_[0-9a-fA-F]+)*))?[pP]([-+]?[0-9]+)$/;
const namedFloats = new Map([
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['+infinity', Infinity],
  ['-infinity', -Infinity],
  ['nan', NaN],
]);

/** strconv.ParseFloat(text, 64); undefined where that is an error, also for a value out of range. */
export function parseGoFloat(text: string): number | undefined {
  const named = namedFloats.get(text.toLowerCase());
  if (named !== undefined) return named;
  const value = decimalFloat.test(text) ? Number(text.replaceAll('_', '')) : parseHexFloat(text);
  return value === undefined || Math.abs(value) === Infinity ? undefined : value;
}

function parseHexFloat(text: string): number | undefined {
  const [, sign, whole = '', fraction = '', power = ''] = hexFloat.exec(text) ?? [];
  const digits = (whole + fraction).replaceAll('_', '');
  if (sign === undefined || digits === '') return undefined;
  const exponent = Number(power) - 4 * fraction.replaceAll('_', '').length;
  const magnitude = scale(Number(BigInt(`0x${digits}`)), exponent);
  return sign === '-' ? -magnitude : magnitude;
}

/** value * 2^exponent, in steps that neither overflow nor lose bits before the last. */
export function scale(value: number, exponent: number): number {
  const limited = Math.max(-2200, Math.min(2200, exponent));
  const step = Math.trunc(limited / 3);
  return value * 2 ** step * 2 ** step * 2 ** (limited - 2 * step);
}
