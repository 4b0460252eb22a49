import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { DriverError } from '../errors.js';
import type { Log } from '../log.js';
import { BoundedConnections } from './bounded-connections.js';
import { CachedText } from './cached-text.js';
import type { RequestHead } from './request-head.js';
import { parseRequestHead } from './request-head.js';

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

/** See load/limits.ts. */
export interface HealthLimits {
  readonly connections: number;
  /** Of a request, up to the empty line. */
  readonly headBytes: number;
  /** A connection's life, from its request to the last byte of its answer. */
  readonly connectionMs: number;
  /** How long the text of the metrics is given again as it was. */
  readonly metricsMs: number;
}

/**
 * `/metrics`, `/healthz` and `/readyz` over HTTP, for Prometheus and the kubelet's probes, and what doctor asks for. Anybody on the pod network may
 * reach the port, so it does no more for anybody than they need: one small request for each connection, of which nothing
 * is read beyond its head, and one answer, after which the connection ends.
 */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;
  readonly #connections: BoundedConnections;
  readonly #metrics: CachedText;

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#connections = new BoundedConnections(options.limits.connections);
    this.#metrics = new CachedText(options.metrics.text, options.limits.metricsMs);
    this.#server = createServer({ allowHalfOpen: true }, (connection) => this.#serve(connection));
  }

  /**
   * @returns the port it listens on.
   * @throws {DriverError} FAILED_PRECONDITION when the address cannot be had.
   */
  async start(): Promise<number> {
    const { host, port } = this.#options.address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(
          new DriverError('FAILED_PRECONDITION', `cannot listen on --http-address ${host ?? ''}:${port}`, {
            cause: error,
          }),
        ),
      );
      this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
    });
    this.#server.on('error', (error) => this.#options.log.warn('a connection could not be accepted', { error }));
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#connections.destroyAll();
  }

  #serve(connection: Socket): void {
    const { headBytes, connectionMs } = this.#options.limits;
    this.#connections.add(connection);
    connection.on('error', () => undefined);
    const timer = setTimeout(() => connection.destroy(), connectionMs).unref();
    connection.once('close', () => clearTimeout(timer));
    let received = Buffer.alloc(0);
    const take = (bytes: Buffer): void => {
      received = Buffer.concat([received, bytes.subarray(0, headBytes - received.length)]);
      const head = parseRequestHead(received);
      if (head === 'incomplete' && received.length < headBytes) return;
      // What else the client may have sent stays with the kernel, up to the size of its buffer.
      connection.off('data', take).pause();
      this.#answer(connection, head);
    };
    connection.on('data', take);
    connection.once('end', () => {
      if (!connection.isPaused()) connection.destroy();
    });
  }

  #answer(connection: Socket, head: ReturnType<typeof parseRequestHead>): void {
    this.#respond(head)
      .then((answer) => send(connection, answer, head))
      .catch((error: unknown) => {
        this.#options.log.error('answering over HTTP failed', { error });
        connection.destroy();
      });
  }

  async #respond(head: ReturnType<typeof parseRequestHead>): Promise<Answer> {
    if (head === 'incomplete') return text('431 Request Header Fields Too Large', 'the request is too large\n');
    if (head === 'malformed') return text('400 Bad Request', 'not a request of HTTP/1\n');
    if (head.method !== 'GET' && head.method !== 'HEAD') return text('405 Method Not Allowed', 'only GET is allowed\n');
    const { metrics, unhealthyReason, notReadyReason, readyNotice } = this.#options;
    switch (head.path) {
      case '/metrics':
        return { status: '200 OK', body: await this.#metrics.bytes(), contentType: metrics.contentType };
      case '/healthz':
        return healthAnswer(unhealthyReason());
      case '/readyz':
        return healthAnswer(notReadyReason(), readyNotice?.());
      case '/ca.crt': {
        const certificate = this.#options.certificate?.();
        if (certificate === undefined) return text('404 Not Found', 'there is no CA here\n');
        return { status: '200 OK', body: Buffer.from(certificate), contentType: 'application/x-pem-file' };
      }
      default:
        return text('404 Not Found', 'try /metrics, /healthz or /readyz\n');
    }
  }
}

interface Answer {
  /** Code and phrase. */
  readonly status: string;
  readonly body: Buffer;
  readonly contentType: string;
}

function text(status: string, body: string): Answer {
  return { status, body: Buffer.from(body), contentType: 'text/plain' };
}

function healthAnswer(problem: string | undefined, notice?: string): Answer {
  if (problem !== undefined) return text('503 Service Unavailable', `${problem}\n`);
  return text('200 OK', notice === undefined ? 'ok\n' : `ok\n${notice}\n`);
}

/** The connection goes once the kernel has all of the answer; a client that has sent more than a request gets a reset. */
function send(connection: Socket, { status, body, contentType }: Answer, head: RequestHead | string): void {
  const fields = [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
    ...(status.startsWith('405') ? ['Allow: GET, HEAD'] : []),
    'Connection: close',
  ];
  const isHeadOnly = typeof head !== 'string' && head.method === 'HEAD';
  connection.write(`${fields.join('\r\n')}\r\n\r\n`);
  connection.end(isHeadOnly ? '' : body, () => connection.destroy());
}
