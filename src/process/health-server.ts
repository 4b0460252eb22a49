import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { Duplex } from 'node:stream';
import { CodedError } from '../errors.js';
import { ConnectionLimiter } from '../limits/connection-limiter.js';
import type { ConnectionLimits } from '../limits/connection-limiter.js';
import type { Log } from '../log.js';
import { CachedText } from './cached-text.js';

export interface HealthServerOptions {
  readonly address: { readonly host: string | undefined; readonly port: number };
  readonly metrics: { readonly text: () => Promise<string>; readonly contentType: string };
  /** Why the process should be restarted; undefined when it is well. */
  readonly unhealthyReason: () => string | undefined;
  /** Why the program cannot do its work now; undefined when it can. */
  readonly notReadyReason: () => string | undefined;
  /** What those who ask whether it is ready are told on top of `ok`. */
  readonly readyNotice?: () => string | undefined;
  /** PEM that whoever asks for `/ca.crt` gets; undefined while there is none. Absent: there is no such path. */
  readonly certificate?: () => string | undefined;
  readonly limits: HealthLimits;
  readonly log: Log;
}

/** See limits/defaults.ts. */
export interface HealthLimits {
  readonly connections: ConnectionLimits;
  /** Size of a request's headers. */
  readonly headBytes: number;
  /** A connection's life, from its request to the last byte of its answer. */
  readonly connectionMs: number;
  /** How long the text of the metrics is given again as it was. */
  readonly metricsMs: number;
}

/** Few requests fit into one piece, and most requests take one or two. */
const pieceBytes = 256;

/**
 * `/metrics`, `/healthz` and `/readyz` over HTTP, for Prometheus and the kubelet's probes, and what doctor asks for. Any
 * pod can reach the port. So each connection gets one response and is closed, and each address has a limit of connections.
 */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;
  readonly #http: HttpServer;
  readonly #connections: ConnectionLimiter;
  readonly #metrics: CachedText;
  /** Connections on which a request has come. */
  readonly #served = new WeakSet<Duplex>();

  constructor(options: HealthServerOptions) {
    const { connections, headBytes, metricsMs } = options.limits;
    this.#options = options;
    this.#connections = new ConnectionLimiter(connections);
    this.#metrics = new CachedText(options.metrics.text, metricsMs);
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
    // The response does not depend on the host.
    const settings = { maxHeaderSize: headBytes, requireHostHeader: false };
    this.#http = createHttpServer(settings, (request, response) => this.#answer(request, response));
    this.#http.on('connect', (_request, connection) => this.#answerConnect(connection));
  }

  /**
   * @returns the port it listens on.
   * @throws {CodedError} FAILED_PRECONDITION when the address cannot be had.
   */
  async start(): Promise<number> {
    const { host, port } = this.#options.address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(
          new CodedError('FAILED_PRECONDITION', `cannot listen on --http-address ${host ?? ''}:${port}`, {
            cause: error,
          }),
        ),
      );
      this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
    });
    this.#server.on('error', (error) => this.#options.log.warn('Failed to accept connection', { error }));
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#connections.destroyAll();
  }

  #serve(socket: Socket): void {
    socket.on('error', () => undefined);
    if (!this.#connections.admit(socket)) return;
    const timer = setTimeout(() => socket.destroy(), this.#options.limits.connectionMs).unref();
    const connection = Duplex.from({ readable: this.#requestOf(socket, () => connection), writable: socket });
    // A connection that breaks emits an error, which would end the process after node:http has let go of it.
    connection.on('error', () => undefined);
    socket.once('close', () => clearTimeout(timer)).once('finish', () => socket.destroy());
    this.#http.emit('connection', connection);
  }

  /**
   * What a connection sends, up to its first request, in pieces. Node parses all requests of a piece, also those after one
   * that it closes the connection for: 64 KiB of them, as one read returns, take 45 ms.
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

  #answer(request: IncomingMessage, response: ServerResponse): void {
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

  /** To node:http CONNECT is no request: without a listener it destroys the connection. */
  #answerConnect(connection: Duplex): void {
    this.#served.add(connection);
    const { status, body, ...headers } = onlyGet;
    const lines = Object.entries({ ...headers, 'Content-Length': body.length, Connection: 'close' });
    const head = [`HTTP/1.1 ${status} Method Not Allowed`, ...lines.map(([name, value]) => `${name}: ${value}`)];
    connection.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]));
  }

  async #respond({ method, url = '' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return onlyGet;
    const { metrics, unhealthyReason, notReadyReason, readyNotice } = this.#options;
    switch (url.split('?', 1)[0]) {
      case '/metrics':
        return { status: 200, body: await this.#metrics.bytes(), 'Content-Type': metrics.contentType };
      case '/healthz':
        return healthAnswer(unhealthyReason());
      case '/readyz':
        return healthAnswer(notReadyReason(), readyNotice?.());
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

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly 'Content-Type': string;
  readonly Allow?: string;
}

const onlyGet: Answer = { ...text(405, 'only GET is allowed\n'), Allow: 'GET, HEAD' };

function text(status: number, body: string): Answer {
  return { status, body: Buffer.from(body), 'Content-Type': 'text/plain' };
}

function healthAnswer(problem: string | undefined, notice?: string): Answer {
  if (problem !== undefined) return text(503, `${problem}\n`);
  return text(200, notice === undefined ? 'ok\n' : `ok\n${notice}\n`);
}
