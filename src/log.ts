import { pino } from 'pino';
import type { DestinationStream } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * The fields a log line may carry, so that a request, a map of attributes or an object from the API can never be logged
 * whole.
 */
export interface LogFields {
  readonly rpc?: string;
  readonly code?: string;
  readonly durationMs?: number;
  /** Milliseconds per step of the publish path. */
  readonly steps?: Readonly<Record<string, number>>;
  readonly outcome?: string;
  readonly volumeId?: string;
  readonly targetPath?: string;
  readonly pod?: string;
  readonly serviceAccount?: string;
  readonly connector?: string;
  readonly connectorClass?: string;
  readonly configuration?: string;
  readonly file?: string;
  readonly path?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly attempt?: number;
  readonly delayMs?: number;
  readonly count?: number;
  readonly signal?: string;
  readonly address?: string;
  readonly port?: number;
  readonly version?: string;
  /** Logged as the chain of names, codes and messages; stacks only of programming errors. */
  readonly error?: unknown;
}

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
  name: true,
  namespace: true,
  attempt: true,
  delayMs: true,
  count: true,
  signal: true,
  address: true,
  port: true,
  version: true,
  error: true,
} satisfies Record<keyof LogFields, true>) as readonly (keyof LogFields)[];

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Logs JSON lines through pino. `destination` is standard error unless given. */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error: unknown) => describeError(error) },
    },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message, fields) => logger.debug(allowed(fields), message),
    info: (message, fields) => logger.info(allowed(fields), message),
    warn: (message, fields) => logger.warn(allowed(fields), message),
    error: (message, fields) => logger.error(allowed(fields), message),
  };
}

function allowed(fields: LogFields = {}): LogFields {
  return Object.fromEntries(fieldNames.flatMap((name) => (name in fields ? [[name, fields[name]]] : [])));
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

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
