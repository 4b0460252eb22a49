import type { ByteString } from '../byte-string.js';
import { abbreviationAt, zoneAbbreviations, type Abbreviations } from './zone-names.js';

/** The offset in seconds east of UTC and its name, `CET`, in force at an instant. An unknown name is empty. */
export interface ZoneAt {
  readonly name: ByteString;
  readonly offset: number;
}

/** Go's *time.Location. */
export interface Location {
  readonly name: ByteString;
  /** The zone in force at `unix` seconds since 1970. */
  at(unix: bigint): ZoneAt;
}

const utcZone: ZoneAt = { name: 'UTC', offset: 0 };

export const utc: Location = { name: 'UTC', at: () => utcZone };

/** The driver's local time is UTC by definition; Go keeps its Location apart from UTC's all the same. */
export const local: Location = { name: 'Local', at: () => utcZone };

/** time.FixedZone. */
export function fixedZone(name: ByteString, offset: number): Location {
  return { name, at: () => ({ name, offset }) };
}

/** Formatters cost tens of kilobytes and a millisecond each: a few are kept. */
const maxFormatters = 16;
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  const oldest = formatters.keys().next();
  if (formatters.size >= maxFormatters && oldest.done !== true) formatters.delete(oldest.value);
  formatters.set(zone, made);
  return made;
}

/** The greatest instant that JavaScript's Date takes, in seconds; zones do not change any more long before it. */
const maxDateSeconds = 8_640_000_000_000n;

function offsetAt(zone: string, unix: bigint): number {
  const limited = unix > maxDateSeconds ? maxDateSeconds : unix < -maxDateSeconds ? -maxDateSeconds : unix;
  const parts = formatterOf(zone).formatToParts(Number(limited) * 1000);
  const text = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = /([-+])(\d+):(\d+)(?::(\d+))?/.exec(text) ?? [];
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return sign === '-' ? -offset : offset;
}

/** The name of a zone that has none but its offset: `-03`, `+0545`. */
function numericName(offset: number): ByteString {
  const minutes = Math.floor(Math.abs(offset) / 60);
  const [hour, minute] = [Math.floor(minutes / 60), minutes % 60].map((part) => part.toString().padStart(2, '0'));
  return `${offset < 0 ? '-' : '+'}${hour ?? ''}${minute === '00' ? '' : (minute ?? '')}`;
}

function namedZone(name: string, abbreviations: Abbreviations): Location {
  return {
    name,
    at(unix) {
      const offset = offsetAt(name, unix);
      const fallback = offset % 60 === 0 ? numericName(offset) : 'LMT';
      const abbreviation = abbreviationAt(abbreviations, offset / 60, Number(unix) * 1000);
      return { name: abbreviation ?? fallback, offset };
    },
  };
}

/** time.LoadLocation; undefined for a name that Go's zone data does not have. */
export function loadLocation(name: ByteString): Location | undefined {
  if (name === '' || name === 'UTC') return utc;
  if (name === 'Local') return local;
  const abbreviations = zoneAbbreviations.get(name);
  return abbreviations === undefined ? undefined : namedZone(name, abbreviations);
}
