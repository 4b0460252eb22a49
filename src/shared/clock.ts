import { threadCpuUsage } from 'node:process';

/** Returns the earliest time; undefined if none is known. */
export function earliestMs(times: Iterable<number | undefined>): number | undefined {
  const known = [...times].filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Returns the CPU time that this thread has used, in milliseconds. */
export function threadTimeMs(): number {
  const { user, system } = threadCpuUsage();
  return (user + system) / 1000;
}
