/** The proleptic Gregorian calendar as Go counts it. Days since 1970 and years are whole numbers that a float64 holds. */

export interface CivilDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  /** 1 to 366. */
  readonly yearDay: number;
}

const daysIn400Years = 146_097;
const monthStarts = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

export function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Days of a common year before the month, 1 to 13. */
export function daysBefore(month: number): number {
  return monthStarts[month - 1] ?? 365;
}

export function daysInMonth(month: number, year: number): number {
  return month === 2 && isLeap(year) ? 29 : daysBefore(month + 1) - daysBefore(month);
}

/** Days from 1970-01-01 to the first day of the year. */
function daysToYear(year: number): number {
  const before = year - 1;
  const leaps = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  return before * 365 + leaps - 719_162;
}

/** Days since 1970; a month or day out of range counts on into the next ones, as Go's Date has it. */
export function daysOf(year: number, month: number, day: number): number {
  const carriedYear = year + Math.floor((month - 1) / 12);
  const carriedMonth = ((((month - 1) % 12) + 12) % 12) + 1;
  const leapDay = carriedMonth > 2 && isLeap(carriedYear) ? 1 : 0;
  return daysToYear(carriedYear) + daysBefore(carriedMonth) + leapDay + day - 1;
}

export function civilOf(days: number): CivilDate {
  let year = 1970 + Math.floor((days * 400) / daysIn400Years);
  while (daysToYear(year) > days) year--;
  while (daysToYear(year + 1) <= days) year++;
  const yearDay = days - daysToYear(year) + 1;
  let month = 12;
  while (daysOf(year, month, 1) > days) month--;
  return { year, month, day: days - daysOf(year, month, 1) + 1, yearDay };
}

/** 0 is Sunday. */
export function weekdayOf(days: number): number {
  return (((days + 4) % 7) + 7) % 7;
}
