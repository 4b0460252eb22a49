import { readFileSync } from 'node:fs';

/**
 * Returns the CPU time that a thread of this process has used, in milliseconds.
 * @param task its path below /proc: `/proc/PID/task/ID`.
 * @returns undefined where the kernel does not count it.
 */
export function threadTimeMs(task: string): number | undefined {
  try {
    const [nanoseconds = ''] = readFileSync(`${task}/schedstat`, 'latin1').split(' ', 1);
    const used = Number(nanoseconds) / 1e6;
    return used > 0 ? used : undefined;
  } catch {
    return undefined;
  }
}
