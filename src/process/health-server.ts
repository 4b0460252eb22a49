import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { DriverError } from '../errors.js';
import type { Log } from '../log.js';

export interface HealthServerOptions {
  readonly address: { readonly host: string | undefined; readonly port: number };
  readonly metrics: { readonly text: () => Promise<string>; readonly contentType: string };
  /** Why the process should be restarted; undefined when it is well. */
  readonly unhealthyReason: () => string | undefined;
  /** Why the driver cannot do its work now; undefined when it can. */
  readonly notReadyReason: () => string | undefined;
  /** What those who ask whether it is ready are told on top of `ok`. */
  readonly readyNotice?: () => string | undefined;
  readonly log: Log;
}

const maxConnections = 64;

/** `/metrics`, `/healthz` and `/readyz` over HTTP, for Prometheus and the kubelet's probes. */
export class HealthServer {
  readonly #options: HealthServerOptions;
  readonly #server: Server;
  /** The oldest first. */
  readonly #connections = new Set<Socket>();

  constructor(options: HealthServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        options.log.error('answering over HTTP failed', { error });
        response.destroy();
      });
    });
    this.#server.requestTimeout = 10_000;
    this.#server.on('connection', (socket) => this.#admit(socket));
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
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /**
   * One too many makes the oldest go. The whole pod network may connect and then keep silent; refusing the newest would
   * refuse the kubelet's probes, and have the driver restarted.
   */
  #admit(connection: Socket): void {
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    const [oldest] = this.#connections;
    if (oldest === undefined || this.#connections.size <= maxConnections) return;
    this.#connections.delete(oldest);
    oldest.destroy();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body, contentType = 'text/plain' } = await this.#respond(request);
    response.writeHead(status, { 'content-type': contentType }).end(body);
  }

  async #respond(request: IncomingMessage): Promise<Answer> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'only GET is allowed\n' };
    const { metrics, unhealthyReason, notReadyReason, readyNotice } = this.#options;
    const [path] = (request.url ?? '').split('?', 1);
    switch (path) {
      case '/metrics':
        return { status: 200, body: await metrics.text(), contentType: metrics.contentType };
      case '/healthz':
        return healthAnswer(unhealthyReason());
      case '/readyz':
        return healthAnswer(notReadyReason(), readyNotice?.());
      default:
        return { status: 404, body: 'try /metrics, /healthz or /readyz\n' };
    }
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

function healthAnswer(problem: string | undefined, notice?: string): Answer {
  if (problem !== undefined) return { status: 503, body: `${problem}\n` };
  return { status: 200, body: notice === undefined ? 'ok\n' : `ok\n${notice}\n` };
}
