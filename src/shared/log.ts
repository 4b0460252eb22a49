export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

const text = '';
const number = 0;
/**
 * The fields that a log line can have, with the type of each. No others are written, so that a request, a map of
 * attributes or an API object is never logged whole.
 */
export const logFields = {
  rpc: text,
  code: text,
  durationMs: number,
  /** Milliseconds per step of the publish path. */
  steps: {} as Readonly<Record<string, number>>,
  outcome: text,
  volumeId: text,
  pod: text,
  serviceAccount: text,
  connector: text,
  file: text,
  path: text,
  kind: text,
  mode: text,
  limit: text,
  scope: text,
  name: text,
  namespace: text,
  attempt: number,
  delayMs: number,
  count: number,
  heldBytes: number,
  budgetBytes: number,
  signal: text,
  address: text,
  port: number,
  tlsPort: number,
  version: text,
  method: text,
  /** Decision about access: allowed, denied, or audit for a request that rules in audit mode would deny. */
  decision: text,
  rule: text,
  /** Verb of RBAC that the request needs. */
  verb: text,
  host: text,
  /** Status of an HTTP response; 0 without a response. */
  status: number,
  /** Time until the tool's response headers arrived. */
  firstByteMs: number,
  /** Bytes from the client; `bytesSent` are those to it. */
  bytesReceived: number,
  bytesSent: number,
  traceId: text,
  /** The problem or its consequence, if there is no `error`. */
  reason: text,
  /** The fix. */
  hint: text,
  /** Logged as the chain of names, codes and messages. Only programming errors are logged with their stack. */
  error: undefined as unknown,
};

/** Fields of one line. Those that are undefined are left out. */
export type LogFields = { readonly [Name in keyof typeof logFields]?: (typeof logFields)[Name] | undefined };

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
