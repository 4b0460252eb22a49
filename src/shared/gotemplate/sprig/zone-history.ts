import { brotliDecompressSync } from 'node:zlib';
import packed from './generated/zones.json' with { type: 'json' };

/** The offset in seconds east of UTC and its name in force at an instant: `CET`, or `+0530` where a place has no other. */
export interface ZoneAt {
  readonly name: string;
  readonly offset: number;
}

/** Offsets and names of one zone, past and future. */
interface ZoneHistory {
  /** When it changed, seconds since 1970, ascending. */
  readonly changes: readonly number[];
  /** Offset and name before the first change, and after each: one more than there are changes. */
  readonly zones: readonly ZoneAt[];
  /** Whether later years are like the last ones of `changes`. */
  readonly isRepeated: boolean;
}

/** The lines of the data by the names of their zones, from the first use on. */
let lines: ReadonlyMap<string, string> | undefined;

function linesByName(): ReadonlyMap<string, string> {
  if (lines !== undefined) return lines;
  const text = brotliDecompressSync(Buffer.from(packed.zones, 'base64')).toString('latin1');
  lines = new Map(
    text.split('\n').flatMap((line) => {
      const names = line.slice(0, line.indexOf('|')).split(' ');
      return names.map((name): [string, string] => [name, line]);
    }),
  );
  return lines;
}

/** Some kilobytes each: the last few are kept. */
const maxHistories = 16;
const histories = new Map<string, ZoneHistory>();

function historyOf(name: string, line: string): ZoneHistory {
  const known = histories.get(name);
  if (known !== undefined) return known;
  const oldest = histories.keys().next();
  if (histories.size >= maxHistories && oldest.done !== true) histories.delete(oldest.value);
  const parsed = parseHistory(line);
  histories.set(name, parsed);
  return parsed;
}

function parseHistory(line: string): ZoneHistory {
  const [, types = '', indexes = '', steps = ''] = line.split('|');
  const known = types.split(',').map((type): ZoneAt => {
    const [offset, name = ''] = type.split(' ');
    return { name, offset: Number(offset) };
  });
  let time = 0;
  const changes = steps === '' ? [] : steps.split(' ').map((step) => (time += Number.parseInt(step, 36)));
  const zones = Array.from(indexes, (index) => known[Number.parseInt(index, 36)] ?? { name: '', offset: 0 });
  const isRepeated = time >= startOf(yearOf(packed.repeatFrom) - 1);
  return { changes, zones, isRepeated: isRepeated && time < packed.repeatFrom };
}

function startOf(year: number): number {
  return Date.UTC(year, 0, 1) / 1000;
}

function yearOf(unix: number): number {
  return new Date(unix * 1000).getUTCFullYear();
}

/** Period after which the calendar repeats itself to the day, in seconds. */
const calendarSeconds = 146_097 * 86_400;

/** The instant of a listed year that is of the same kind as the year of `unix`, and as far into it. */
function listedInstant(unix: bigint): number {
  const cycles = (unix - BigInt(packed.repeatFrom)) / BigInt(calendarSeconds);
  const near = Number(unix - cycles * BigInt(calendarSeconds));
  const start = startOf(yearOf(near));
  const length = startOf(yearOf(near) + 1) - start;
  const week = 7 * 86_400;
  let year = yearOf(packed.repeatFrom) - 1;
  while ((start - startOf(year)) % week !== 0 || startOf(year + 1) - startOf(year) !== length) year--;
  return startOf(year) + (near - start);
}

/** How many of the ascending numbers are not above `value`. */
function countUpTo(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The zones that Go knows by name, which are spelled exactly so.
 * @returns for seconds since 1970, an int64, what is in force then; undefined for a name that is none.
 */
export function zoneByName(name: string): ((unix: bigint) => ZoneAt) | undefined {
  const line = linesByName().get(name);
  if (line === undefined) return undefined;
  return (unix) => {
    const { changes, zones, isRepeated } = historyOf(name, line);
    const instant = isRepeated && unix >= packed.repeatFrom ? listedInstant(unix) : Number(unix);
    return zones[countUpTo(changes, instant)] ?? { name: '', offset: 0 };
  };
}
