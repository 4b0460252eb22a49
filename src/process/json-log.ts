import { pino } from 'pino';
import type { Log, LogFields, LogLevel } from '../log.js';

/** The compiler lets an object with more members pass for LogFields; these are the ones that are written. */
const fieldNames = Object.keys({
  rpc: true,
  code: true,
  durationMs: true,
  steps: true,
  outcome: true,
  volumeId: true,
  targetPath: true,
  pod: true,
  serviceAccount: true,
  connector: true,
  connectorClass: true,
  configuration: true,
  file: true,
  path: true,
  kind: true,
  mode: true,
  limit: true,
  scope: true,
  name: true,
  namespace: true,
  attempt: true,
  delayMs: true,
  count: true,
  heldBytes: true,
  budgetBytes: true,
  signal: true,
  address: true,
  port: true,
  version: true,
  capabilities: true,
  method: true,
  host: true,
  status: true,
  firstByteMs: true,
  bytesReceived: true,
  bytesSent: true,
  reason: true,
  error: true,
} satisfies Record<keyof LogFields, true>) as readonly (keyof LogFields)[];

/** Where the lines of a log go. */
export interface LogDestination {
  write(line: string): void;
  /** Absent: it drops none. `tell` is called with how many were dropped once lines are taken again. */
  onResumed?(tell: (droppedLines: number) => void): void;
}

/** Logs JSON lines through pino. */
export function createLog(level: LogLevel, destination: LogDestination): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: isoTime(),
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error: unknown) => describeError(error) },
    },
    { write: (line: string) => destination.write(line) },
  );
  const at = (name: 'debug' | 'info' | 'warn' | 'error'): Log['info'] =>
    logger.isLevelEnabled(name) ? (message, fields) => logger[name](allowed(fields), message) : () => undefined;
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  destination.onResumed?.((count) => {
    log.warn('Dropped log lines because the reader was blocked', { count });
  });
  return log;
}

/** As pino's own, but that the date is written once a second: it is a tenth of what a line costs. */
function isoTime(): () => string {
  let second = Number.NaN;
  let untilSecond = '';
  return () => {
    const nowMs = Date.now();
    const now = Math.floor(nowMs / 1000);
    if (now !== second) {
      second = now;
      untilSecond = new Date(now * 1000).toISOString().slice(0, -'000Z'.length);
    }
    return `,"time":"${untilSecond}${String(nowMs - now * 1000).padStart(3, '0')}Z"`;
  };
}

const isFieldName: ReadonlySet<string> = new Set(fieldNames);

function allowed(fields: LogFields = {}): LogFields {
  // Nearly always nothing else is there.
  for (const name in fields) {
    if (!isFieldName.has(name))
      return Object.fromEntries(Object.entries(fields).filter(([each]) => isFieldName.has(each)));
  }
  return fields;
}

interface ErrorDescription {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

/** More would be a chain that closes on itself. */
const maxCauses = 10;

/** Errors by name, code and message down the chain of causes; nothing else that an error object may carry. */
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
