import { pino } from 'pino';
import { logFields } from '../log.ts';
import type { Log, LogFields, LogLevel } from '../log.ts';
import { printable } from '../message-text.ts';

/** Destination of the lines of a log. */
interface LogDestination {
  write(line: string): void;
  /**
   * Registers a callback that gets the number of dropped lines once the reader continues. Absent: no line is dropped.
   */
  onResumed?(onDropped: (droppedLines: number) => void): void;
}

/** Creates a log that writes JSON lines through pino. */
export function createLog(level: LogLevel, destination: LogDestination): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: timeMember,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error: unknown) => describeError(error) },
    },
    { write: (line: string) => destination.write(`${printable(line.slice(0, -1))}\n`) },
  );
  const at = (name: 'debug' | 'info' | 'warn' | 'error'): Log['info'] =>
    logger.isLevelEnabled(name) ? (message, fields) => logger[name](allowed(fields), message) : () => undefined;
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  destination.onResumed?.((count) => {
    log.warn('Dropped log lines because the reader was blocked', { count });
  });
  return log;
}

let second = { startMs: 0, text: '' };
/** Returns the member of the time. Its text down to the second is kept: the lines of a busy proxy share it. */
function timeMember(): string {
  const nowMs = Date.now();
  const startMs = nowMs - (nowMs % 1000);
  if (startMs !== second.startMs) second = { startMs, text: new Date(startMs).toISOString().slice(0, -4) };
  return `,"time":"${second.text}${String(nowMs - startMs).padStart(3, '0')}Z"`;
}

/** The compiler accepts objects with further members as LogFields. */
const isFieldName: ReadonlySet<string> = new Set(Object.keys(logFields));

function allowed(fields: LogFields = {}): LogFields {
  const isAllowed = Object.keys(fields).every((name) => isFieldName.has(name));
  return isAllowed ? fields : Object.fromEntries(Object.entries(fields).filter(([name]) => isFieldName.has(name)));
}

interface ErrorDescription {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

/** Maximum length of a chain of causes; a longer one is circular. */
const maxCauses = 10;

/** Returns name, code and message of an error and its causes. Other members of the error object are left out. */
function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { name: typeof error, message: 'not an Error object' };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const isProgrammingError =
    error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
  return {
    name: error.name,
    ...(code === undefined ? {} : { code }),
    message: error.message,
    ...(isProgrammingError && error.stack !== undefined ? { stack: error.stack } : {}),
    ...(error.cause === undefined || depth >= maxCauses ? {} : { cause: describeError(error.cause, depth + 1) }),
  };
}
