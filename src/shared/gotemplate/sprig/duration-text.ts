import type { ByteString } from '../byte-string.ts';
import { GoError } from '../function.ts';
import { quoteTime } from './time-quote.ts';

const nanosecond = 1n;
export const second = 1_000_000_000n;
export const minute = 60n * second;
export const hour = 60n * minute;

/** Units by their spelling; both micro signs are written as UTF-8 bytes. */
const units = new Map<ByteString, bigint>([
  ['ns', nanosecond],
  ['us', 1000n],
  ['\u00c2\u00b5s', 1000n],
  ['\u00ce\u00bcs', 1000n],
  ['ms', 1_000_000n],
  ['s', second],
  ['m', minute],
  ['h', hour],
]);

const limit = 1n << 63n;

/** Digits after the point that count; the rest is dropped, as in Go. */
const maxFractionDigits = 19;

/**
 * time.ParseDuration, in nanoseconds.
 * @throws {GoError} with Go's message.
 */
export function parseDuration(text: ByteString): bigint {
  const invalid = (): GoError => new GoError(`time: invalid duration ${quoteTime(text)}`);
  const negative = text.startsWith('-');
  let rest = /^[-+]/.test(text) ? text.slice(1) : text;
  if (rest === '0') return 0n;
  if (rest === '') throw invalid();
  let total = 0n;
  while (rest !== '') {
    const [whole = '', integer = '', fraction = ''] = /^([0-9]*)(?:\.([0-9]*))?/.exec(rest) ?? [];
    if (integer + fraction === '') throw invalid();
    if (integer.replace(/^0+/, '').length > 19) throw invalid();
    const [unit = ''] = /^[^.0-9]*/.exec(rest.slice(whole.length)) ?? [];
    if (unit === '') throw new GoError(`time: missing unit in duration ${quoteTime(text)}`);
    const scale = units.get(unit);
    if (scale === undefined) {
      throw new GoError(`time: unknown unit ${quoteTime(unit)} in duration ${quoteTime(text)}`);
    }
    total += BigInt(integer) * scale + fractionOf(fraction, scale);
    if (total > limit) throw invalid();
    rest = rest.slice(whole.length + unit.length);
  }
  if (negative) return -total;
  if (total === limit) throw invalid();
  return total;
}

/** A fraction of a unit in nanoseconds, by floating point as Go does it. */
function fractionOf(fraction: string, scale: bigint): bigint {
  const digits = fraction.slice(0, maxFractionDigits);
  const kept = BigInt(digits) >= limit ? digits.slice(0, -1) : digits;
  const share = Number(BigInt(kept)) * (Number(scale) / 10 ** kept.length);
  return BigInt(Math.trunc(share));
}

function decimal(value: bigint, places: number): string {
  const scale = 10n ** BigInt(places);
  const fraction = (value % scale).toString().padStart(places, '0').replace(/0+$/, '');
  return (value / scale).toString() + (fraction === '' || places === 0 ? '' : `.${fraction}`);
}

/** time.Duration's String: `1h2m3.5s`, `1.5ms`, `0s`. */
export function durationText(nanoseconds: bigint): ByteString {
  const sign = nanoseconds < 0n ? '-' : '';
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size === 0n) return '0s';
  if (size < 1000n) return `${sign}${size.toString()}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}\u00c2\u00b5s`;
  if (size < second) return `${sign}${decimal(size, 6)}ms`;
  const seconds = `${decimal(size % minute, 9)}s`;
  if (size < minute) return sign + seconds;
  const minutes = `${((size / minute) % 60n).toString()}m${seconds}`;
  return size < hour ? sign + minutes : `${sign}${(size / hour).toString()}h${minutes}`;
}

const maxDuration = limit - 1n;

/** Half away from zero to a multiple of `unit`; the greatest and least durations where that would overflow. */
export function roundDuration(nanoseconds: bigint, unit: bigint): bigint {
  if (unit <= 0n) return nanoseconds;
  const remainder = nanoseconds % unit;
  const size = remainder < 0n ? -remainder : remainder;
  const down = nanoseconds - remainder;
  if (2n * size < unit) return down;
  const up = nanoseconds < 0n ? down - unit : down + unit;
  return up < -limit ? -limit : up > maxDuration ? maxDuration : up;
}

/** sprig's durationRound: the largest unit that fits more than once, a month being 30 days: `3m`, `2mo`, `0s`. */
export function roughDuration(nanoseconds: bigint): ByteString {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const rough: [string, bigint][] = [
    ['y', 365n * 24n * hour],
    ['mo', 30n * 24n * hour],
    ['d', 24n * hour],
    ['h', hour],
    ['m', minute],
    ['s', second],
  ];
  const found = rough.find(([, unit]) => size > unit);
  return found === undefined ? '0s' : `${(size / found[1]).toString()}${found[0]}`;
}
