import { readFileSync, readlinkSync } from 'node:fs';
import { cpuUsage } from 'node:process';

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

/** Returns the path of this thread below /proc; undefined where the kernel does not show it. */
export function taskOfThread(): string | undefined {
  try {
    return `/proc/${readlinkSync('/proc/thread-self')}`;
  } catch {
    return undefined;
  }
}

/** Returns the CPU time that all threads of this process have used, in milliseconds. */
export function processTimeMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}
