import type { Log, LogLevel } from '../../src/shared/log.ts';
import { createLog } from '../../src/shared/process/json-log.ts';

/** A real log whose lines are kept. */
export function keptLog(level: LogLevel = 'debug'): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLog(level, { write: (line: string) => void lines.push(line) }), lines };
}

/** The port that the driver listens on for HTTP. */
export function portOfLog(log: string): number {
  return Number(/"port":(\d+)/.exec(log)?.[1]);
}
