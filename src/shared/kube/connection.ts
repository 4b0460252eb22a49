/** A request to the API server, for both HTTP versions. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** Path and query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  /** Iterate to the end, or the exchange is cancelled. @throws {TransportError} if the response breaks off. */
  readonly body: AsyncIterable<Buffer>;
}

/** Calls can use all streams of a connection; watches leave some of them free for calls. */
export type ExchangeKind = 'call' | 'watch';

export interface Connection {
  /** Reports whether a new exchange can start. A broken connection never has capacity again. */
  hasCapacity(kind: ExchangeKind): boolean;
  /** Whether no new exchange can start any more. */
  readonly isRetired: boolean;
  /** Number of exchanges in flight. */
  readonly active: number;
  /** Sends a request. @throws {TransportError} */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /** Stops new exchanges. Those in flight continue. */
  retire(): void;
  /** Checks whether the server still responds, and breaks the connection if not. */
  ping(): void;
  /** Closes the connection and aborts exchanges in flight. */
  close(): void;
}

/** A failure below HTTP. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** Whether the server may have received the request and acted on it. */
  readonly mayHaveActed: boolean;

  constructor(message: string, mayHaveActed: boolean, options?: ErrorOptions) {
    super(message, options);
    this.mayHaveActed = mayHaveActed;
  }
}

/**
 * Converts an error of Node's network modules, whose messages contain addresses and certificate names but no content.
 */
export function transportError(error: unknown, mayHaveActed: boolean): TransportError {
  if (error instanceof TransportError) return error;
  const message = error instanceof Error ? error.message : 'the connection broke';
  return new TransportError(message, mayHaveActed, { cause: error });
}
