import { STATUS_CODES } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { limits } from '../limits/defaults.ts';
import type { Log } from '../log.ts';
import { listen } from './listen.ts';
import type { ListenAddress } from './listen.ts';

interface HealthServerOptions {
  readonly address: ListenAddress;
  /** Served at `/metrics`. Absent: the path does not exist. */
  readonly metrics?: { readonly text: () => Promise<string>; readonly contentType: string };
  /** Returns why the process must be restarted; undefined if it is healthy. */
  readonly unhealthyReason: () => string | undefined;
  /** Returns why the program cannot work now; undefined if it can. */
  readonly notReadyReason: () => string | undefined;
  readonly limits: HealthLimits;
  readonly log: Log;
}

type HealthLimits = Readonly<Record<keyof typeof limits.healthPort, number>>;

/**
 * Serves `/metrics`, `/healthz` and `/readyz` over HTTP, for Prometheus, the kubelet's probes and doctor. Any
 * pod can reach the port. So each connection gets one response and is closed, and beyond the limit of connections the
 * oldest one is closed. Only the request line counts. node:http would parse all requests that a client
 * sends at once, 45 ms for each 64 KiB.
 */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;
  /** Generated metrics, and when that began. */
  #metrics: { readonly bytes: Promise<Buffer>; readonly sinceMs: number } | undefined;
  /** Open connections, the oldest first. */
  readonly #connections = new Set<Socket>();

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
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
    for (const socket of this.#connections) socket.destroy();
  }

  #serve(socket: Socket): void {
    const { connections, connectionMs, requestHeaderBytes } = this.#options.limits;
    const timer = setTimeout(() => socket.destroy(), connectionMs).unref();
    if (this.#connections.size >= connections) this.#closeOldest();
    this.#connections.add(socket);
    socket.on('error', () => undefined);
    socket.once('finish', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      this.#connections.delete(socket);
    });
    let head = '';
    const onText = (text: string): void => {
      head += text;
      if (!head.includes('\r\n\r\n') && head.length <= requestHeaderBytes) return;
      socket.off('data', onText).resume();
      this.#respond(head, socket).catch((error: unknown) => {
        this.#options.log.error('Failed to serve HTTP request', { error });
        socket.destroy();
      });
    };
    socket.setEncoding('latin1').on('data', onText);
  }

  #closeOldest(): void {
    const [socket] = this.#connections;
    if (socket === undefined) return;
    this.#connections.delete(socket);
    socket.destroy();
  }

  async #respond(head: string, socket: Socket): Promise<void> {
    const { method, path } = parseRequestLine(head);
    const end = head.indexOf('\r\n\r\n');
    const isTooLarge = end === -1 || end > this.#options.limits.requestHeaderBytes;
    const response = isTooLarge ? text(431, 'the headers are too large\n') : await this.#responseTo(method, path);
    const { status, body, ...headers } = response;
    const lines = Object.entries({ ...headers, 'Content-Length': body.length, Connection: 'close' });
    const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${fields}\r\n`);
    socket.end(body);
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

  /** @param method empty if the request line is invalid. */
  async #responseTo(method: string, path: string): Promise<HealthResponse> {
    if (method === '') return text(400, 'not a request of HTTP/1.1\n');
    if (method !== 'GET') return { ...text(405, 'only GET is allowed\n'), Allow: 'GET' };
    const { metrics, unhealthyReason, notReadyReason } = this.#options;
    switch (path) {
      case '/metrics':
        if (metrics === undefined) return text(404, 'there are no metrics here\n');
        return { status: 200, body: await this.#bytesOf(metrics.text), 'Content-Type': metrics.contentType };
      case '/healthz':
        return healthResponse(unhealthyReason());
      case '/readyz':
        return healthResponse(notReadyReason());
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

/**
 * Parses the request line at the start of a text, without its query, in time proportional to the text. Returns empty
 * texts if it is invalid.
 */
export function parseRequestLine(head: string): { readonly method: string; readonly path: string } {
  const [, method = '', path = ''] = /^([A-Z]+) ([^\s?]+)(?:\?\S*)? HTTP\/1\.[01]\r\n/.exec(head) ?? [];
  return { method, path };
}

function text(status: number, body: string): HealthResponse {
  return { status, body: Buffer.from(body), 'Content-Type': 'text/plain' };
}

function healthResponse(problem: string | undefined): HealthResponse {
  return problem === undefined ? text(200, 'ok\n') : text(503, `${problem}\n`);
}
