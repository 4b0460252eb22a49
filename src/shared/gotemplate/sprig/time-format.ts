import type { ByteString } from '../byte-string.ts';
import { dayNames, monthNames, type Instant } from './instant.ts';
import { parseLayout, type LayoutElement } from './layout.ts';

function padded(value: number, width: number): string {
  const digits = Math.abs(value).toString().padStart(width, '0');
  return value < 0 ? `-${digits}` : digits;
}

function spaced(value: number, width: number): string {
  return value.toString().padStart(width, ' ');
}

function hour12(hour: number): number {
  return hour % 12 === 0 ? 12 : hour % 12;
}

type Show = (instant: Instant) => string;

const shows: Readonly<Record<Exclude<LayoutElement, 'zoneOffset' | 'fraction0' | 'fraction9'>, Show>> = {
  year: ({ date }) => padded(Math.max(date.year, 0) % 100, 2),
  longYear: ({ date }) => padded(date.year, 4),
  month: ({ date }) => monthNames[date.month - 1]?.slice(0, 3) ?? '',
  longMonth: ({ date }) => monthNames[date.month - 1] ?? '',
  numMonth: ({ date }) => date.month.toString(),
  zeroMonth: ({ date }) => padded(date.month, 2),
  weekDay: ({ weekday }) => dayNames[weekday]?.slice(0, 3) ?? '',
  longWeekDay: ({ weekday }) => dayNames[weekday] ?? '',
  day: ({ date }) => date.day.toString(),
  underDay: ({ date }) => spaced(date.day, 2),
  zeroDay: ({ date }) => padded(date.day, 2),
  underYearDay: ({ date }) => spaced(date.yearDay, 3),
  zeroYearDay: ({ date }) => padded(date.yearDay, 3),
  hour: ({ clock }) => padded(clock.hour, 2),
  hour12: ({ clock }) => hour12(clock.hour).toString(),
  zeroHour12: ({ clock }) => padded(hour12(clock.hour), 2),
  minute: ({ clock }) => clock.minute.toString(),
  zeroMinute: ({ clock }) => padded(clock.minute, 2),
  second: ({ clock }) => clock.second.toString(),
  zeroSecond: ({ clock }) => padded(clock.second, 2),
  PM: ({ clock }) => (clock.hour >= 12 ? 'PM' : 'AM'),
  pm: ({ clock }) => (clock.hour >= 12 ? 'pm' : 'am'),
  zoneName: ({ zone }) => (zone.name === '' ? offsetText(zone.offset, '-0700') : zone.name),
};

/** A zone's offset in the form of the layout's element: `-0700`, `Z07:00`, `-07`, … */
function offsetText(offset: number, form: string): string {
  if (form.startsWith('Z') && offset === 0) return 'Z';
  const size = Math.abs(offset);
  const sign = Math.trunc(offset / 60) < 0 ? '-' : '+';
  const parts = [Math.floor(size / 3600), Math.floor(size / 60) % 60, size % 60].map((part) => padded(part, 2));
  const colon = form.includes(':');
  const count = form.replace(/[^0-9]/g, '').length / 2;
  return sign + parts.slice(0, count).join(colon ? ':' : '');
}

/** `digits` places after the point, cut off; with `trim` without zeros at the end, and nothing for no fraction. */
function fractionText(nanosecond: number, form: string, trim: boolean): string {
  const places = form.length - 1;
  if (trim && nanosecond === 0) return '';
  const digits = padded(nanosecond, 9).slice(0, places);
  const shown = trim ? digits.replace(/0+$/, '') : digits;
  return trim && shown === '' ? '' : form.charAt(0) + shown;
}

/** Go's Time.Format. */
export function formatTime(instant: Instant, layout: ByteString): ByteString {
  return parseLayout(layout)
    .map(({ prefix, element, text }) => {
      if (element === undefined) return prefix;
      if (element === 'zoneOffset') return prefix + offsetText(instant.zone.offset, text);
      if (element === 'fraction0' || element === 'fraction9') {
        return prefix + fractionText(instant.nanosecond, text, element === 'fraction9');
      }
      return prefix + shows[element](instant);
    })
    .join('');
}

function monotonicText(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = (size % 1_000_000_000n).toString().padStart(9, '0');
  return ` m=${nanoseconds < 0n ? '-' : '+'}${(size / 1_000_000_000n).toString()}.${fraction}`;
}

/** Go's Time.String. */
export function timeText(instant: Instant): ByteString {
  const text = formatTime(instant, '2006-01-02 15:04:05.999999999 -0700 MST');
  return instant.monotonic === undefined ? text : text + monotonicText(instant.monotonic);
}
