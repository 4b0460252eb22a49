import type { CallContext } from '../function.ts';
import { GoError } from '../function.ts';

/** shopspring/decimal: coefficient * 10^exponent. The decimal arithmetic behind addf, subf, mulf and divf. */
interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}

/** Digits that a division keeps after the point. */
const divisionPlaces = 16;

/**
 * The shortest decimal that reads back as the same float64.
 * @throws {GoError} for NaN and the infinities.
 */
function toDecimal(value: number): Decimal {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
    throw new GoError(`Cannot create a Decimal from ${name}`);
  }
  const [digits = '0', power = '0'] = value.toExponential().split('e');
  const point = digits.indexOf('.');
  const fraction = point < 0 ? 0 : digits.length - point - 1;
  return { coefficient: BigInt(digits.replace('.', '')), exponent: Number(power) - fraction };
}

/** The nearest float64; infinite beyond its range. */
function fromDecimal({ coefficient, exponent }: Decimal): number {
  return Number(`${coefficient.toString()}e${exponent.toString()}`);
}

function withExponent({ coefficient, exponent }: Decimal, lower: number): bigint {
  return coefficient * 10n ** BigInt(exponent - lower);
}

export function add(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  return { coefficient: withExponent(a, exponent) + withExponent(b, exponent), exponent };
}

export function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { coefficient: -b.coefficient, exponent: b.exponent });
}

export function multiply(a: Decimal, b: Decimal): Decimal {
  return { coefficient: a.coefficient * b.coefficient, exponent: a.exponent + b.exponent };
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/**
 * Division rounded half away from zero to 16 places.
 * @throws {GoError} on division by zero.
 */
export function divide(a: Decimal, b: Decimal): Decimal {
  if (b.coefficient === 0n) throw new GoError('decimal division by 0');
  const shift = a.exponent - b.exponent + divisionPlaces;
  const dividend = shift < 0 ? a.coefficient : a.coefficient * 10n ** BigInt(shift);
  const divisor = shift < 0 ? b.coefficient * 10n ** BigInt(-shift) : b.coefficient;
  const quotient = dividend / divisor;
  const roundsAway = 2n * magnitude(dividend % divisor) >= magnitude(divisor);
  const away = a.coefficient < 0n === b.coefficient < 0n ? 1n : -1n;
  return { coefficient: roundsAway ? quotient + away : quotient, exponent: -divisionPlaces };
}

/** Folds `values` from `first` on; what is charged is the digits it works on, which grow with each. */
export function fold(
  context: CallContext,
  first: number,
  values: readonly number[],
  operation: (a: Decimal, b: Decimal) => Decimal,
): number {
  let result = toDecimal(first);
  for (const value of values) {
    const operand = toDecimal(value);
    const digits = Math.abs(result.exponent - operand.exponent) + result.coefficient.toString(16).length;
    context.charge(40 + digits / 2);
    result = operation(result, operand);
  }
  return fromDecimal(result);
}
