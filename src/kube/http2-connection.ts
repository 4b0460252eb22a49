import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { transportError } from './connection.js';
import type { Connection, ExchangeKind, HttpResponse, HttpRequest, TransportError } from './connection.js';

/** What Kubernetes allows (CVE-2023-44487), until the server's settings say otherwise. */
const usualMaxStreams = 100;
/** node's 64 KiB would let one large answer stall the watches beside it. */
const windowBytes = 1 << 20;

/** An HTTP/2 connection: all exchanges share one socket. */
export class Http2Connection implements Connection {
  readonly #session: ClientHttp2Session;
  readonly #pingTimeoutMs: number;
  #isLeaving = false;
  /** A look has found that no ping can be sent any more. */
  #isMute = false;
  #active = 0;

  private constructor(session: ClientHttp2Session, pingTimeoutMs: number) {
    this.#session = session;
    this.#pingTimeoutMs = pingTimeoutMs;
    session.on('goaway', () => (this.#isLeaving = true));
    // The streams report it; without a listener it would end the process.
    session.on('error', () => (this.#isLeaving = true));
  }

  /**
   * @param signal ends the attempt to open; later it has no effect.
   * @throws {TransportError} when the server's settings do not come.
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

  get isLeaving(): boolean {
    return this.#isLeaving || this.#session.closed || this.#session.destroyed;
  }

  hasRoom(kind: ExchangeKind): boolean {
    if (this.isLeaving) return false;
    const limit = Math.max(1, this.#session.remoteSettings.maxConcurrentStreams ?? usualMaxStreams);
    const keptForCalls = kind === 'watch' ? Math.ceil((limit - 1) / 10) : 0;
    return this.#active < limit - keptForCalls;
  }

  async request({ method, path, headers, body }: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    const stream = this.#open({ ':method': method, ':path': path, ...headers }, body === undefined);
    this.#active += 1;
    let isAnswered = false;
    const cancel = (): void => {
      stream.close(constants.NGHTTP2_CANCEL);
      // An answer that was waited for too long is the first sign of a dead connection.
      if (!isAnswered) this.probe();
    };
    signal.addEventListener('abort', cancel, { once: true });
    stream.once('close', () => {
      this.#active -= 1;
      signal.removeEventListener('abort', cancel);
    });
    if (body !== undefined) stream.end(body);
    const received = await responseHeaders(stream);
    isAnswered = true;
    return {
      status: received[':status'] ?? 0,
      contentType: received['content-type'] ?? '',
      retryAfter: received['retry-after'],
      body: bodyOf(stream),
    };
  }

  retire(): void {
    this.#isLeaving = true;
  }

  probe(): void {
    if (this.#session.destroyed) return;
    if (this.#session.closed) {
      this.#probeClosed();
      return;
    }
    const timer = setTimeout(() => this.#session.destroy(new Error('no answer to a ping')), this.#pingTimeoutMs);
    timer.unref();
    // False when a ping is on its way already: then its own timer decides.
    const isSent = this.#session.ping(() => clearTimeout(timer));
    if (!isSent) clearTimeout(timer);
  }

  close(): void {
    this.#session.destroy();
  }

  /**
   * After the server's farewell node sends no ping, so that nobody would hear of a connection that has died since. What
   * is still under way at the second look is watches, which go on elsewhere.
   */
  #probeClosed(): void {
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
    // Always followed by 'close'; kept, as an error after the response would otherwise end the process.
    stream.on('error', (error: Error) => reject(brokenStream(stream, error)));
  });
}

/** REFUSED_STREAM is the server's promise that it has not looked at the request (RFC 9113, 8.7). */
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
