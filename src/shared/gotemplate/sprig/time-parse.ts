import type { ByteString } from '../byte-string.ts';
import { GoError } from '../function.ts';
import { daysBefore, daysInMonth, isLeap } from './civil.ts';
import { dayNames, Instant, monthNames } from './instant.ts';
import { parseLayout, type LayoutElement, type LayoutToken } from './layout.ts';
import { quoteTime } from './time-quote.ts';
import { Mismatch, OutOfRange, Reader } from './time-reader.ts';
import { fixedZone, local, utc, type Location } from './time-zone.ts';
import { offsetOf, zoneNameLength } from './zone-parse.ts';

/** Parts of a time that the elements read so far have set. */
interface Parts {
  year: number;
  month?: number;
  day?: number;
  yearDay?: number;
  hour: number;
  minute: number;
  second: number;
  nanosecond: number;
  half?: 'am' | 'pm';
  location?: Location;
  zoneOffset?: number;
  zoneName?: ByteString;
}

const oneOrTwo = /^\d\d?/;
const two = /^\d\d/;

function inRange(value: number, low: number, high: number, what: string): number {
  if (value < low || value > high) throw new OutOfRange(what);
  return value;
}

const shortMonths = monthNames.map((name) => name.slice(0, 3));
const shortDays = dayNames.map((name) => name.slice(0, 3));

type Read = (reader: Reader, parts: Parts, token: LayoutToken, next: LayoutToken | undefined) => void;

function readYear(reader: Reader, parts: Parts): void {
  const text = reader.take(/^[^]{2}/);
  if (!/^[-+]?\d+$/.test(text)) throw new Mismatch();
  parts.year = Number(text) + (Number(text) >= 69 ? 1900 : 2000);
}

function readHour12(pattern: RegExp): Read {
  return (reader, parts) => {
    parts.hour = inRange(reader.number(pattern), 0, 12, 'hour');
  };
}

function readMinute(pattern: RegExp): Read {
  return (reader, parts) => {
    parts.minute = inRange(reader.number(pattern), 0, 59, 'minute');
  };
}

/** Seconds; a fraction after them is read even when the layout has none. */
function readSecond(pattern: RegExp): Read {
  return (reader, parts, _, next) => {
    parts.second = inRange(reader.number(pattern), 0, 59, 'second');
    const hasFraction = next?.element === 'fraction0' || next?.element === 'fraction9';
    if (!hasFraction && /^[.,]\d/.test(reader.rest)) parts.nanosecond = nanosecondsOf(reader.take(/^[.,]\d+/));
  };
}

function nanosecondsOf(text: string): number {
  return Number(text.slice(1, 10).padEnd(9, '0'));
}

function readFraction0(reader: Reader, parts: Parts, token: LayoutToken): void {
  const text = reader.rest.slice(0, token.text.length);
  if (text.length < token.text.length || !/^[.,]/.test(text)) throw new Mismatch();
  if (!/^[.,][-+]?\d+$/.test(text.slice(0, 10))) throw new Mismatch();
  reader.rest = reader.rest.slice(text.length);
  if (text.startsWith('-', 1)) throw new OutOfRange('fractional second');
  parts.nanosecond = Number(text.slice(1, 10)) * 10 ** (10 - Math.min(text.length, 10));
}

function readHalf(names: readonly [am: string, pm: string]): Read {
  return (reader, parts) => {
    const text = reader.take(/^[^]{2}/);
    if (!names.includes(text)) throw new Mismatch();
    parts.half = text === names[1] ? 'pm' : 'am';
  };
}

function readOffset(reader: Reader, parts: Parts, token: LayoutToken): void {
  if (token.text.startsWith('Z') && reader.rest.startsWith('Z')) {
    reader.rest = reader.rest.slice(1);
    parts.location = utc;
    return;
  }
  const read = offsetOf(reader.rest, token.text);
  if (read === undefined) throw new Mismatch();
  reader.rest = reader.rest.slice(read.length);
  if (read.outOfRange !== undefined) throw new OutOfRange(`time zone offset ${read.outOfRange}`);
  parts.zoneOffset = read.offset;
}

function readZoneName(reader: Reader, parts: Parts): void {
  if (reader.rest.startsWith('UTC')) {
    reader.rest = reader.rest.slice(3);
    parts.location = utc;
    return;
  }
  const length = zoneNameLength(reader.rest);
  if (length === undefined) throw new Mismatch();
  parts.zoneName = reader.rest.slice(0, length);
  reader.rest = reader.rest.slice(length);
}

function readMonthNumber(pattern: RegExp): Read {
  return (reader, parts) => {
    parts.month = inRange(reader.number(pattern), 1, 12, 'month');
  };
}

function readDay(pattern: RegExp): Read {
  return (reader, parts) => {
    parts.day = Number(reader.take(pattern).trimStart());
  };
}

const reads: Readonly<Record<LayoutElement, Read>> = {
  year: readYear,
  longYear: (reader, parts) => {
    const text = reader.take(/^\d[^]{3}/);
    if (!/^\d+$/.test(text)) throw new Mismatch();
    parts.year = Number(text);
  },
  month: (reader, parts) => {
    parts.month = reader.name(shortMonths) + 1;
  },
  longMonth: (reader, parts) => {
    parts.month = reader.name(monthNames) + 1;
  },
  numMonth: readMonthNumber(oneOrTwo),
  zeroMonth: readMonthNumber(two),
  weekDay: (reader) => reader.name(shortDays),
  longWeekDay: (reader) => reader.name(dayNames),
  day: readDay(oneOrTwo),
  underDay: readDay(/^ ?\d\d?/),
  zeroDay: readDay(two),
  underYearDay: (reader, parts) => {
    parts.yearDay = Number(reader.take(/^ {0,2}\d{1,3}/).trimStart());
  },
  zeroYearDay: (reader, parts) => {
    parts.yearDay = reader.number(/^\d{3}/);
  },
  hour: (reader, parts) => {
    parts.hour = inRange(reader.number(oneOrTwo), 0, 23, 'hour');
  },
  hour12: readHour12(oneOrTwo),
  zeroHour12: readHour12(two),
  minute: readMinute(oneOrTwo),
  zeroMinute: readMinute(two),
  second: readSecond(oneOrTwo),
  zeroSecond: readSecond(two),
  PM: readHalf(['AM', 'PM']),
  pm: readHalf(['am', 'pm']),
  zoneName: readZoneName,
  zoneOffset: readOffset,
  fraction0: readFraction0,
  fraction9: (reader, parts) => {
    if (/^[.,]\d/.test(reader.rest)) parts.nanosecond = nanosecondsOf(reader.take(/^[.,]\d+/));
  },
};

/** Month and day from the day of the year, checked against those that were read themselves. */
function resolveYearDay(parts: Parts, yearDay: number): void {
  const leapDay = isLeap(parts.year) && yearDay === 60;
  const common = isLeap(parts.year) && yearDay > 60 ? yearDay - 1 : yearDay;
  if (common < 1 || common > 365) throw new OutOfRange('day-of-year');
  let month = 1;
  while (daysBefore(month + 1) < common) month++;
  const day = leapDay ? 29 : common - daysBefore(month);
  const resolved = leapDay ? 2 : month;
  if (parts.month !== undefined && parts.month !== resolved) throw new OutOfRange('day-of-year does not match month');
  if (parts.day !== undefined && parts.day !== day) throw new OutOfRange('day-of-year does not match day');
  parts.month = resolved;
  parts.day = day;
}

function build(parts: Parts): Instant {
  if (parts.yearDay !== undefined) resolveYearDay(parts, parts.yearDay);
  const date = { year: parts.year, month: parts.month ?? 1, day: parts.day ?? 1 };
  if (date.day < 1 || date.day > daysInMonth(date.month, date.year)) throw new OutOfRange('day');
  const clock = { hour: hour24(parts), minute: parts.minute, second: parts.second };
  const at = (location: Location): Instant => Instant.ofCivil(date, clock, parts.nanosecond, location);
  if (parts.location !== undefined) return at(parts.location);
  const { zoneOffset, zoneName } = parts;
  if (zoneOffset !== undefined && zoneOffset !== -1) {
    const isLocal = zoneOffset === 0 && (zoneName === undefined || zoneName === 'UTC');
    const instant = at(fixedZone(zoneName ?? '', zoneOffset));
    return isLocal ? instant.in(local) : instant;
  }
  if (zoneName === undefined) return at(local);
  // An abbreviation that is not local time's has no known offset, except GMT's, which may carry one.
  const hours = /^GMT[-+]\d/.test(zoneName) ? Number(zoneName.slice(3)) : 0;
  const utcInstant = at(utc);
  return utcInstant.in(fixedZone(zoneName, hours * 3600));
}

function hour24({ hour, half }: Parts): number {
  if (half === 'pm' && hour < 12) return hour + 12;
  return half === 'am' && hour === 12 ? 0 : hour;
}

/**
 * time.ParseInLocation in local time, which is UTC.
 * @throws {GoError} with Go's message.
 */
export function parseTime(layout: ByteString, text: ByteString): Instant {
  const reader = new Reader(text);
  const parts: Parts = { year: 0, hour: 0, minute: 0, second: 0, nanosecond: 0 };
  const failure = (rest: ByteString, element: ByteString): GoError =>
    new GoError(
      `parsing time ${quoteTime(text)} as ${quoteTime(layout)}: cannot parse ${quoteTime(rest)} as ${quoteTime(element)}`,
    );
  const step = (element: ByteString, read: () => void, reportsWhole: boolean): void => {
    const before = reader.rest;
    try {
      read();
    } catch (error) {
      if (error instanceof Mismatch) throw failure(reportsWhole ? before : reader.rest, element);
      if (!(error instanceof OutOfRange)) throw error;
      const suffix = error.message.includes('match') ? '' : ' out of range';
      throw new GoError(`parsing time ${quoteTime(text)}: ${error.message}${suffix}`);
    }
  };
  const tokens = parseLayout(layout);
  for (const [index, token] of tokens.entries()) {
    const { prefix, element, text: written } = token;
    step(
      prefix,
      () => {
        reader.skip(prefix);
      },
      false,
    );
    if (element !== undefined)
      step(
        written,
        () => {
          reads[element](reader, parts, token, tokens[index + 1]);
        },
        true,
      );
  }
  if (reader.rest !== '') throw new GoError(`parsing time ${quoteTime(text)}: extra text: ${quoteTime(reader.rest)}`);
  let result = Instant.zero;
  step(
    '',
    () => {
      result = build(parts);
    },
    true,
  );
  return result;
}
