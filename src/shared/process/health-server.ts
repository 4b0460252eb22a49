import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { Duplex } from 'node:stream';
import type { limits } from '../limits/defaults.js';
import type { Log } from '../log.js';
import { listen } from './listen.js';
import type { ListenAddress } from './listen.js';

export interface HealthServerOptions {
  readonly address: ListenAddress;
  /** Served at `/metrics`. Absent: the path does not exist. */
  readonly metrics?: { readonly text: () => Promise<string>; readonly contentType: string };
  /** Returns why the process must be restarted; undefined if it is healthy. */
  readonly unhealthyReason: () => string | undefined;
  /** Returns why the program cannot work now; undefined if it can. */
  readonly notReadyReason: () => string | undefined;
  /** Returns a notice that `/readyz` appends to `ok`. */
  readonly readyNotice?: () => string | undefined;
  /** Returns the PEM served at `/ca.crt`; undefined while there is none. Absent: the path does not exist. */
  readonly certificate?: () => string | undefined;
  readonly limits: HealthLimits;
  readonly log: Log;
}

export type HealthLimits = Readonly<Record<keyof typeof limits.healthPort, number>>;

/** Size of a piece in bytes. Few requests fit into one piece, and most requests take one or two. */
const pieceBytes = 256;

/**
 * Serves `/metrics`, `/healthz`, `/readyz` and `/ca.crt` over HTTP, for Prometheus, the kubelet's probes and doctor. Any
 * pod can reach the port. So each connection gets one response and is closed, and beyond the limit of connections the
 * oldest one without a request is closed.
 */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;
  readonly #http: HttpServer;
  /** Generated metrics, and when that began. */
  #metrics: { readonly bytes: Promise<Buffer>; readonly sinceMs: number } | undefined;
  /** Open connections, the oldest first. */
  readonly #connections = new Map<Duplex, Socket>();
  /** Connections with a request. */
  readonly #served = new WeakSet<Duplex>();

  constructor(options: HealthServerOptions) {
    const { requestHeaderBytes } = options.limits;
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    // The response does not depend on the host.
    const settings = { maxHeaderSize: requestHeaderBytes, requireHostHeader: false };
    this.#http = createHttpServer(settings, (request, response) => this.#onRequest(request, response));
    this.#http.on('connect', (_request, connection) => this.#respondToConnect(connection));
  }

  /**
   * Listens on the address.
   * @returns the port.
   * @throws {CodedError} FAILED_PRECONDITION if the address cannot be used.
   */
  async start(): Promise<number> {
    const { address, log } = this.#options;
    return listen(this.#server, '--http-address', address, {
      onAcceptError: (error) => log.warn('Failed to accept connection', { error }),
    });
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#connections.values()) socket.destroy();
  }

  #serve(socket: Socket): void {
    socket.on('error', () => undefined);
    const timer = setTimeout(() => socket.destroy(), this.#options.limits.connectionMs).unref();
    const connection = Duplex.from({ readable: this.#requestOf(socket, () => connection), writable: socket });
    // A broken connection emits an error after node:http has released it. Without a listener that would end the
    // process.
    connection.on('error', () => undefined);
    if (this.#connections.size >= this.#options.limits.connections) this.#closeOldest();
    this.#connections.set(connection, socket);
    socket.once('finish', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      this.#connections.delete(connection);
    });
    this.#http.emit('connection', connection);
  }

  /** Closes the oldest connection without a request, or the oldest of all if each has one. */
  #closeOldest(): void {
    const all = [...this.#connections];
    const [connection, socket] = all.find(([candidate]) => !this.#served.has(candidate)) ?? all[0] ?? [];
    if (connection === undefined) return;
    this.#connections.delete(connection);
    socket?.destroy();
  }

  /**
   * Yields the bytes of a connection in pieces, up to its first request. Node parses all requests of a piece, also
   * those after one for which it closes the connection. 64 KiB of them, the size of one read, take 45 ms.
   */
  async *#requestOf(socket: Socket, connection: () => Duplex): AsyncGenerator<Buffer> {
    const reads: AsyncIterable<Buffer> = socket.iterator({ destroyOnReturn: false });
    for await (const bytes of reads) {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        if (this.#served.has(connection())) return;
        yield bytes.subarray(at, at + pieceBytes);
      }
    }
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (this.#served.has(request.socket)) return;
    this.#served.add(request.socket);
    this.#respond(request)
      .then(({ status, body, ...headers }) => {
        response.writeHead(status, { ...headers, 'Content-Length': body.length, Connection: 'close' }).end(body);
      })
      .catch((error: unknown) => {
        this.#options.log.error('Failed to serve HTTP request', { error });
        response.destroy();
      });
  }

  /** Returns the bytes of the metrics, generated again when they are older than `metricsMs`. All callers share them. */
  #bytesOf(generate: () => Promise<string>): Promise<Buffer> {
    const nowMs = performance.now();
    if (this.#metrics !== undefined && nowMs - this.#metrics.sinceMs < this.#options.limits.metricsMs) {
      return this.#metrics.bytes;
    }
    const bytes = generate().then((generated) => Buffer.from(generated));
    this.#metrics = { bytes, sinceMs: nowMs };
    // A failure is not kept.
    bytes.catch(() => (this.#metrics = undefined));
    return bytes;
  }

  /** Responds to CONNECT. To node:http that is no request: without a listener it destroys the connection. */
  #respondToConnect(connection: Duplex): void {
    this.#served.add(connection);
    const { status, body, ...headers } = onlyGet;
    const lines = Object.entries({ ...headers, 'Content-Length': body.length, Connection: 'close' });
    const head = [`HTTP/1.1 ${status} Method Not Allowed`, ...lines.map(([name, value]) => `${name}: ${value}`)];
    connection.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
  }

  async #respond({ method, url = '' }: IncomingMessage): Promise<HealthResponse> {
    if (method !== 'GET' && method !== 'HEAD') return onlyGet;
    const { metrics, unhealthyReason, notReadyReason, readyNotice } = this.#options;
    const [path = ''] = url.split('?', 1);
    switch (path) {
      case '/metrics':
        if (metrics === undefined) return text(404, 'there are no metrics here\n');
        return { status: 200, body: await this.#bytesOf(metrics.text), 'Content-Type': metrics.contentType };
      case '/healthz':
        return healthResponse(unhealthyReason());
      case '/readyz':
        return healthResponse(notReadyReason(), readyNotice?.());
      case '/ca.crt': {
        const certificate = this.#options.certificate?.();
        if (certificate === undefined) return text(404, 'there is no CA here\n');
        return { status: 200, body: Buffer.from(certificate), 'Content-Type': 'application/x-pem-file' };
      }
      default:
        return text(404, 'try /metrics, /healthz or /readyz\n');
    }
  }
}

interface HealthResponse {
  readonly status: number;
  readonly body: Buffer;
  readonly 'Content-Type': string;
  readonly Allow?: string;
}

const onlyGet: HealthResponse = { ...text(405, 'only GET is allowed\n'), Allow: 'GET, HEAD' };

function text(status: number, body: string): HealthResponse {
  return { status, body: Buffer.from(body), 'Content-Type': 'text/plain' };
}

function healthResponse(problem: string | undefined, notice?: string): HealthResponse {
  if (problem !== undefined) return text(503, `${problem}\n`);
  return text(200, notice === undefined ? 'ok\n' : `ok\n${notice}\n`);
}
