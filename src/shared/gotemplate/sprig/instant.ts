import { civilOf, daysOf, weekdayOf, type CivilDate } from './civil.ts';
import { local, utc, type Location, type ZoneAt } from './time-zone.ts';

export const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;

export const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

const nanosPerSecond = 1_000_000_000n;

/** Go counts seconds from a year so long ago that they are unsigned 64-bit numbers; beyond them it wraps around. */
const epochOffset = 9_223_372_028_741_760_000n;

/** Seconds from the year 1, where Go's zero time is, to 1970. */
const zeroTimeSeconds = 62_135_596_800n;

interface Clock {
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

interface LocalDays {
  readonly days: number;
  readonly secondOfDay: number;
}

/** Go's time.Time: an instant with a location to show it in. Immutable. */
export class Instant {
  /** Seconds since 1970, an int64. */
  readonly unix: bigint;
  /** 0 to 999,999,999. */
  readonly nanosecond: number;
  readonly location: Location;
  /** Nanoseconds on the process's monotonic clock, which Go keeps with what `now` gives and prints as `m=+1.5`. */
  readonly monotonic: bigint | undefined;
  /** Looking a zone up is slow, and every part of a date asks for it. */
  #zone: ZoneAt | undefined;
  #localDays: LocalDays | undefined;

  constructor(unix: bigint, nanosecond: number, location: Location, monotonic?: bigint) {
    this.unix = BigInt.asIntN(64, unix);
    this.nanosecond = nanosecond;
    this.location = location;
    this.monotonic = monotonic;
  }

  static readonly zero = new Instant(-zeroTimeSeconds, 0, utc);

  /** time.Unix. */
  static ofUnix(seconds: bigint, nanosecond = 0): Instant {
    return new Instant(seconds, nanosecond, local);
  }

  /** time.Date, with every part allowed to run over. */
  static ofCivil(date: Omit<CivilDate, 'yearDay'>, clock: Clock, nanosecond: number, location: Location): Instant {
    const days = daysOf(date.year, date.month, date.day);
    const seconds = BigInt(days) * 86_400n + BigInt(clock.hour * 3600 + clock.minute * 60 + clock.second);
    return new Instant(seconds - BigInt(location.at(seconds).offset), nanosecond, location);
  }

  get isZero(): boolean {
    return this.unix === -zeroTimeSeconds && this.nanosecond === 0;
  }

  get zone(): ZoneAt {
    this.#zone ??= this.location.at(this.unix);
    return this.#zone;
  }

  /** Days and seconds of the day on the location's clock, days since 1970. */
  get localDays(): LocalDays {
    this.#localDays ??= this.#findLocalDays();
    return this.#localDays;
  }

  #findLocalDays(): LocalDays {
    const shifted = this.unix + BigInt(this.zone.offset);
    const wrapped = BigInt.asUintN(64, shifted + epochOffset) - epochOffset;
    const secondOfDay = Number(((wrapped % 86_400n) + 86_400n) % 86_400n);
    return { days: Number((wrapped - BigInt(secondOfDay)) / 86_400n), secondOfDay };
  }

  get date(): CivilDate {
    return civilOf(this.localDays.days);
  }

  get clock(): Clock {
    const { secondOfDay } = this.localDays;
    return {
      hour: Math.floor(secondOfDay / 3600),
      minute: Math.floor(secondOfDay / 60) % 60,
      second: secondOfDay % 60,
    };
  }

  get weekday(): number {
    return weekdayOf(this.localDays.days);
  }

  /** Nanoseconds since 1970, not wrapped. */
  get unixNanoseconds(): bigint {
    return this.unix * nanosPerSecond + BigInt(this.nanosecond);
  }

  in(location: Location): Instant {
    return new Instant(this.unix, this.nanosecond, location);
  }

  add(nanoseconds: bigint): Instant {
    const total = this.unixNanoseconds + nanoseconds;
    const nanosecond = ((total % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
    const monotonic = this.monotonic === undefined ? undefined : this.monotonic + nanoseconds;
    return new Instant((total - nanosecond) / nanosPerSecond, Number(nanosecond), this.location, monotonic);
  }

  addDate(years: number, months: number, days: number): Instant {
    const { year, month, day } = this.date;
    const moved = { year: year + years, month: month + months, day: day + days };
    return Instant.ofCivil(moved, this.clock, this.nanosecond, this.location);
  }

  /** this - other in nanoseconds, limited to what a duration holds. */
  since(other: Instant): bigint {
    const difference =
      this.monotonic !== undefined && other.monotonic !== undefined
        ? this.monotonic - other.monotonic
        : this.unixNanoseconds - other.unixNanoseconds;
    const max = (1n << 63n) - 1n;
    return difference > max ? max : difference < -max - 1n ? -max - 1n : difference;
  }

  /** -1, 0 or 1. */
  compare(other: Instant): number {
    const [a, b] = [this.unixNanoseconds, other.unixNanoseconds];
    return a < b ? -1 : a > b ? 1 : 0;
  }
}
