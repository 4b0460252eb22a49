import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { transportError } from './connection.js';
import type { Connection, ExchangeKind, HttpResponse, HttpRequest, TransportError } from './connection.js';

/** Limit of Kubernetes (CVE-2023-44487), used until the server's settings arrive. */
const usualMaxStreams = 100;
/** With Node's default of 64 KiB one large response would stall the watches on the connection. */
const windowBytes = 1 << 20;

/** An HTTP/2 connection. All exchanges share one socket. */
export class Http2Connection implements Connection {
  readonly #session: ClientHttp2Session;
  readonly #pingTimeoutMs: number;
  #isRetired = false;
  /** Whether an earlier ping found that no ping can be sent any more. */
  #isMute = false;
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
  ): Promise<Connection> {
    const session = connect(`https://${authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    const connection = new Http2Connection(session, pingTimeoutMs);
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

  get active(): number {
    return this.#active;
  }

  get isRetired(): boolean {
    return this.#isRetired || this.#session.closed || this.#session.destroyed;
  }

  hasCapacity(kind: ExchangeKind): boolean {
    if (this.isRetired) return false;
    const limit = Math.max(1, this.#session.remoteSettings.maxConcurrentStreams ?? usualMaxStreams);
    const reservedForCalls = kind === 'watch' ? Math.ceil((limit - 1) / 10) : 0;
    return this.#active < limit - reservedForCalls;
  }

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

  retire(): void {
    this.#isRetired = true;
  }

  ping(): void {
    if (this.#session.destroyed) return;
    if (this.#session.closed) {
      this.#closeAfterGoaway();
      return;
    }
    const timer = setTimeout(() => this.#session.destroy(new Error('no answer to a ping')), this.#pingTimeoutMs);
    timer.unref();
    // False if a ping is in flight already, whose timer decides.
    const isSent = this.#session.ping(() => clearTimeout(timer));
    if (!isSent) clearTimeout(timer);
  }

  close(): void {
    this.#session.destroy();
  }

  /**
   * Closes a connection after GOAWAY, at the second ping. Node sends no ping then, so a dead connection would stay
   * undetected. Only watches are still in flight by then, and they continue elsewhere.
   */
  #closeAfterGoaway(): void {
    if (this.#isMute) this.#session.destroy(new Error('the server has sent the connection away'));
    this.#isMute = true;
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
