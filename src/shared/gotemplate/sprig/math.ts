import { formatValue } from '../fmt/print.ts';
import { GoError, goFunction, type CallContext, type GoFunction } from '../function.ts';
import { int, int64, type GoSlice, wrapInt, type GoValue } from '../values.ts';
import { appendedSlice } from '../capacity.ts';
import { toFloat64, toInt64 } from './casts.ts';
import { add, divide, fold, multiply, subtract } from './decimal.ts';
import { parseGoInt, scale } from './numbers.ts';
import { randomInt } from './random.ts';

const any = 'interface {}';

/** Memory of an element of a list of integers, in bytes. */
const intElementBytes = 64;

function divisor(value: GoValue): bigint {
  const integer = toInt64(value);
  if (integer === 0n) throw new GoError('runtime error: integer divide by zero');
  return integer;
}

/** Go's math.Max and math.Min: an infinity in the direction wins even over NaN, which it does not in JavaScript. */
function maxFloat(a: number, b: number): number {
  return a === Infinity || b === Infinity ? Infinity : Math.max(a, b);
}

function minFloat(a: number, b: number): number {
  return a === -Infinity || b === -Infinity ? -Infinity : Math.min(a, b);
}

/** Go's math.Pow(10, power) for whole powers: repeated squaring, whose rounding differs from JavaScript's. */
function powerOfTen(power: number): number {
  let square = 0.625;
  let squareExponent = 4;
  let result = 1;
  let exponent = 0;
  for (let left = Math.abs(power); left >= 1; left = Math.floor(left / 2)) {
    if (squareExponent > 4096) return power < 0 ? 0 : Infinity;
    if (left % 2 === 1) {
      result *= square;
      exponent += squareExponent;
    }
    square *= square;
    squareExponent *= 2;
    if (square < 0.5) {
      square += square;
      squareExponent--;
    }
  }
  return power < 0 ? scale(1 / result, -exponent) : scale(result, exponent);
}

/** sprig's round: up from `roundOn` of the fraction, which a negative number, having a negative one, never reaches. */
function round(value: number, places: number, roundOn: number): number {
  const power = powerOfTen(places);
  const shifted = power * value;
  const fraction = shifted - Math.trunc(shifted);
  return (fraction >= roundOn ? Math.ceil(shifted) : Math.floor(shifted)) / power;
}

/** The integers of a half-open range, start included; empty when the step leads away from the stop. */
function stepCount(start: bigint, stop: bigint, step: bigint): bigint {
  const up = stop >= start;
  if (up ? step <= 0n : step >= 0n) return 0n;
  const distance = up ? stop - start : start - stop;
  const stride = up ? step : -step;
  return (distance + stride - 1n) / stride;
}

function integers(context: CallContext, start: bigint, stop: bigint, step: bigint, bytesEach: number): bigint[] {
  const count = Number(stepCount(start, stop, step));
  context.allocate(count * bytesEach);
  return Array.from({ length: count }, (_, index) => start + BigInt(index) * step);
}

function untilStep(context: CallContext, start: bigint, stop: bigint, step: bigint): GoSlice {
  return appendedSlice('int', integers(context, start, stop, step, intElementBytes).map(int));
}

/** seq: 1 to last, first to last, or first, step, last, all inclusive; any other number of arguments gives nothing. */
function seq(context: CallContext, params: readonly bigint[]): string {
  const [first = 1n, second = 0n, third = 0n] = params;
  if (params.length === 0 || params.length > 3) return '';
  const [start, end] = params.length === 1 ? [1n, first] : [first, params.length === 2 ? second : third];
  const direction = end < start ? -1n : 1n;
  const step = params.length === 3 ? second : direction;
  if (params.length === 3 && end < start && step > 0n) return '';
  return integers(context, start, wrapInt('int', end + direction), step, intElementBytes).join(' ');
}

function atoi(text: string): bigint {
  return parseGoInt(text, 10).value;
}

/** Reads decimal digits of any value as octal. */
function octal(value: GoValue, context: CallContext): bigint {
  const { value: number, error } = parseGoInt(formatValue(context, value), 8);
  return error === undefined ? number : 0n;
}

const integerFunctions: readonly GoFunction[] = [
  goFunction({ name: 'add1', params: [any] }, (_, value) => int64(toInt64(value) + 1n)),
  goFunction({ name: 'add', params: [], variadic: any }, (_, ...values) =>
    int64(values.reduce<bigint>((sum, value) => sum + toInt64(value), 0n)),
  ),
  goFunction({ name: 'sub', params: [any, any] }, (_, a, b) => int64(toInt64(a) - toInt64(b))),
  goFunction({ name: 'div', params: [any, any] }, (_, a, b) => int64(toInt64(a) / divisor(b))),
  goFunction({ name: 'mod', params: [any, any] }, (_, a, b) => int64(toInt64(a) % divisor(b))),
  goFunction({ name: 'mul', params: [any], variadic: any }, (_, first, ...values) =>
    int64(values.reduce<bigint>((product, value) => wrapInt('int64', product * toInt64(value)), toInt64(first))),
  ),
  ...['max', 'biggest'].map((name) =>
    goFunction({ name, params: [any], variadic: any }, (_, first, ...values) =>
      int64(values.map(toInt64).reduce((a, b) => (b > a ? b : a), toInt64(first))),
    ),
  ),
  goFunction({ name: 'min', params: [any], variadic: any }, (_, first, ...values) =>
    int64(values.map(toInt64).reduce((a, b) => (b < a ? b : a), toInt64(first))),
  ),
  goFunction({ name: 'randInt', params: ['int', 'int'] }, (context, low, high) => {
    const width = wrapInt('int', high - low);
    if (width <= 0n) throw new GoError('invalid argument to Intn');
    return int(randomInt(context, width) + low);
  }),
];

const floatFunctions: readonly GoFunction[] = [
  goFunction({ name: 'add1f', params: [any] }, (context, value) => fold(context, toFloat64(value), [1], add)),
  goFunction({ name: 'addf', params: [], variadic: any }, (context, ...values) =>
    fold(context, 0, values.map(toFloat64), add),
  ),
  ...(
    [
      ['subf', subtract],
      ['divf', divide],
      ['mulf', multiply],
    ] as const
  ).map(([name, operation]) =>
    goFunction({ name, params: [any], variadic: any }, (context, first, ...values) =>
      fold(context, toFloat64(first), values.map(toFloat64), operation),
    ),
  ),
  goFunction({ name: 'maxf', params: [any], variadic: any }, (_, first, ...values) =>
    values.map(toFloat64).reduce(maxFloat, toFloat64(first)),
  ),
  goFunction({ name: 'minf', params: [any], variadic: any }, (_, first, ...values) =>
    values.map(toFloat64).reduce(minFloat, toFloat64(first)),
  ),
  goFunction({ name: 'ceil', params: [any] }, (_, value) => Math.ceil(toFloat64(value))),
  goFunction({ name: 'floor', params: [any] }, (_, value) => Math.floor(toFloat64(value))),
  goFunction({ name: 'round', params: [any, 'int'], variadic: 'float64' }, (_, value, places, roundOn = 0.5) =>
    round(toFloat64(value), Number(places), roundOn),
  ),
];

const conversionFunctions: readonly GoFunction[] = [
  goFunction({ name: 'atoi', params: ['string'] }, (_, text) => int(atoi(text))),
  goFunction({ name: 'int', params: [any] }, (_, value) => int(toInt64(value))),
  goFunction({ name: 'int64', params: [any] }, (_, value) => int64(toInt64(value))),
  goFunction({ name: 'float64', params: [any] }, (_, value) => toFloat64(value)),
  goFunction({ name: 'toDecimal', params: [any] }, (context, value) => int64(octal(value, context))),
];

const sequenceFunctions: readonly GoFunction[] = [
  goFunction({ name: 'until', params: ['int'] }, (context, count) =>
    untilStep(context, 0n, count, count < 0n ? -1n : 1n),
  ),
  goFunction({ name: 'untilStep', params: ['int', 'int', 'int'] }, untilStep),
  goFunction({ name: 'seq', params: [], variadic: 'int' }, (context, ...params) => seq(context, params)),
];

export const mathFunctions: readonly GoFunction[] = [
  ...integerFunctions,
  ...floatFunctions,
  ...conversionFunctions,
  ...sequenceFunctions,
];
