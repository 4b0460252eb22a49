import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';

/** A request to the API server. */
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

/** Limit of Kubernetes (CVE-2023-44487), used until the server's settings arrive. */
const usualMaxStreams = 100;
/** With Node's default of 64 KiB one large response would stall the watches on the connection. */
const windowBytes = 1 << 20;

/** An HTTP/2 connection to the API server. All exchanges share one socket. */
export class ApiConnection {
  readonly #session: ClientHttp2Session;
  readonly #pingTimeoutMs: number;
  #isRetired = false;
  #active = 0;

  private constructor(session: ClientHttp2Session, pingTimeoutMs: number) {
    this.#session = session;
    this.#pingTimeoutMs = pingTimeoutMs;
    session.on('goaway', () => (this.#isRetired = true));
    // The streams report the error. Without a listener it would end the process.
    session.on('error', () => (this.#isRetired = true));
  }

  /**
   * Opens a connection on a TLS socket.
   * @param signal ends the attempt to open; later it has no effect.
   * @throws {TransportError} if the server's settings do not arrive.
   */
  static async open(
    socket: TLSSocket,
    authority: string,
    pingTimeoutMs: number,
    signal: AbortSignal,
  ): Promise<ApiConnection> {
    const session = connect(`https://${authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    const connection = new ApiConnection(session, pingTimeoutMs);
    const closed = new AbortController();
    session.once('close', () => closed.abort());
    try {
      await once(session, 'remoteSettings', { signal: AbortSignal.any([signal, closed.signal]) });
    } catch (error) {
      session.destroy();
      throw transportError(error, false);
    }
    session.setLocalWindowSize(windowBytes);
    return connection;
  }

  /** Number of exchanges in flight. */
  get active(): number {
    return this.#active;
  }

  /** Whether no new exchange can start any more. */
  get isRetired(): boolean {
    return this.#isRetired || this.#session.closed || this.#session.destroyed;
  }

  /** Whether a new exchange can start. A broken connection never has capacity again. */
  get hasCapacity(): boolean {
    const limit = Math.max(1, this.#session.remoteSettings.maxConcurrentStreams ?? usualMaxStreams);
    return !this.isRetired && this.#active < limit;
  }

  /** Sends a request. @throws {TransportError} */
  async request({ method, path, headers, body }: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const stream = this.#open({ ':method': method, ':path': path, ...headers }, body === undefined);
    this.#active += 1;
    let hasResponse = false;
    const cancel = (): void => {
      stream.close(constants.NGHTTP2_CANCEL);
      // A response that takes too long is the first sign of a dead connection.
      if (!hasResponse) this.ping();
    };
    signal.addEventListener('abort', cancel, { once: true });
    stream.once('close', () => {
      this.#active -= 1;
      signal.removeEventListener('abort', cancel);
    });
    if (body !== undefined) stream.end(body);
    const received = await responseHeaders(stream);
    hasResponse = true;
    return {
      status: received[':status'] ?? 0,
      contentType: received['content-type'] ?? '',
      retryAfter: received['retry-after'],
      body: bodyOf(stream),
    };
  }

  /**
   * Checks whether the server still responds, and breaks the connection if not. After GOAWAY Node sends no ping, so a dead
   * connection would stay undetected: it is closed, and its watches continue elsewhere.
   */
  ping(): void {
    if (this.#session.destroyed) return;
    if (this.#session.closed) {
      this.#session.destroy(new Error('the server has sent the connection away'));
      return;
    }
    const timer = setTimeout(() => this.#session.destroy(new Error('no answer to a ping')), this.#pingTimeoutMs);
    timer.unref();
    // False if a ping is in flight already, whose timer decides.
    const isSent = this.#session.ping(() => clearTimeout(timer));
    if (!isSent) clearTimeout(timer);
  }

  /** Closes the connection and aborts exchanges in flight. */
  close(): void {
    this.#session.destroy();
  }

  #open(headers: Readonly<Record<string, string>>, endStream: boolean): ClientHttp2Stream {
    try {
      return this.#session.request(headers, { endStream });
    } catch (error) {
      throw transportError(error, false);
    }
  }
}

function responseHeaders(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders & { readonly ':status'?: number }> {
  return new Promise((resolve, reject) => {
    const broke = (): void => reject(brokenStream(stream));
    stream.once('response', (headers: IncomingHttpHeaders) => {
      stream.off('close', broke);
      resolve(headers);
    });
    stream.once('close', broke);
    // The error is always followed by 'close'. The listener stays, because a later error would end the process.
    stream.on('error', (error: Error) => reject(brokenStream(stream, error)));
  });
}

/**
 * Converts the failure of a stream. REFUSED_STREAM guarantees that the server has not processed the request (RFC 9113,
 * 8.7).
 */
function brokenStream(stream: ClientHttp2Stream, error?: Error): TransportError {
  const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
  return transportError(error ?? new Error('the stream was closed before the answer was complete'), !isRefused);
}

async function* bodyOf(stream: ClientHttp2Stream): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw transportError(error, true);
  }
  if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw brokenStream(stream);
}
