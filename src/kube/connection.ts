/** A request as both HTTP versions take it. */
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
  /** @throws {TransportError} when the answer breaks off; iterating not to the end cancels the exchange. */
  readonly body: AsyncIterable<Buffer>;
}

/** Calls may use all streams of a connection; watches leave some for them. */
export type ExchangeKind = 'call' | 'watch';

export interface Connection {
  /** Whether a new exchange may begin. Once a connection has gone bad it never has room again. */
  hasRoom(kind: ExchangeKind): boolean;
  /** Whether no new exchange may begin any more. */
  readonly isLeaving: boolean;
  /** Exchanges under way. */
  readonly active: number;
  /** @throws {TransportError} */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /** Has no room from now on; what is under way goes on. */
  retire(): void;
  /** Finds out whether the other side is still there, and breaks the connection when it is not. */
  probe(): void;
  /** Breaks what is under way. */
  close(): void;
}

/** The exchange failed below HTTP. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  /** Whether the server may have seen the request and acted on it. */
  readonly mayHaveActed: boolean;

  constructor(message: string, mayHaveActed: boolean, options?: ErrorOptions) {
    super(message, options);
    this.mayHaveActed = mayHaveActed;
  }
}

/** @param error from node's network modules, whose messages hold addresses and certificate names but no content. */
export function transportError(error: unknown, mayHaveActed: boolean): TransportError {
  if (error instanceof TransportError) return error;
  const message = error instanceof Error ? error.message : 'the connection broke';
  return new TransportError(message, mayHaveActed, { cause: error });
}
