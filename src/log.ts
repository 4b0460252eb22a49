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
  readonly version?: string;
  readonly capabilities?: string;
  readonly method?: string;
  readonly host?: string;
  /** Of an HTTP answer; 0: there was none. */
  readonly status?: number;
  /** Until the head of the tool's answer. */
  readonly firstByteMs?: number;
  /** From the client and to it. */
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
  /** What is wrong, or what follows from it, where no error says so. */
  readonly reason?: string;
  /** Logged as the chain of names, codes and messages; stacks only of programming errors. */
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
