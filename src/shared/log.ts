export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * The fields that a log line can have, so that a request, a map of attributes or an API object is never logged whole.
 */
export interface LogFields {
  readonly rpc?: string;
  readonly code?: string;
  readonly durationMs?: number;
  /** Milliseconds per step of the publish path. */
  readonly steps?: Readonly<Record<string, number>>;
  readonly outcome?: string;
  readonly volumeId?: string;
  readonly pod?: string;
  readonly serviceAccount?: string;
  readonly connector?: string;
  readonly file?: string;
  readonly path?: string;
  readonly kind?: string;
  readonly mode?: string;
  readonly limit?: string;
  readonly scope?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly attempt?: number;
  readonly delayMs?: number;
  readonly count?: number;
  readonly heldBytes?: number;
  readonly budgetBytes?: number;
  readonly signal?: string;
  readonly address?: string;
  readonly port?: number;
  readonly tlsPort?: number;
  readonly version?: string;
  readonly method?: string;
  /** Decision about access: allowed, denied, or audit for a request that rules in audit mode would deny. */
  readonly decision?: string;
  readonly rule?: string;
  /** Verb of RBAC that the request needs. */
  readonly verb?: string;
  readonly host?: string;
  /** Status of an HTTP response; 0 without a response. */
  readonly status?: number;
  /** Time until the tool's response headers arrived. */
  readonly firstByteMs?: number;
  /** Bytes from the client; `bytesSent` are those to it. */
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
  /** The problem or its consequence, if there is no `error`. */
  readonly reason?: string;
  /** The fix. */
  readonly hint?: string;
  /** Logged as the chain of names, codes and messages. Only programming errors are logged with their stack. */
  readonly error?: unknown;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
