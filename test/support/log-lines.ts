import type { Log, LogLevel } from '../../src/log.js';
import { createLog } from '../../src/process/json-log.js';

/** A real log whose lines are kept. */
export function keptLog(level: LogLevel = 'debug'): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLog(level, { write: (line: string) => void lines.push(line) }), lines };
}
