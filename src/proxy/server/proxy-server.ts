import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { CodedError } from '../../errors.js';
import type { TokenBucket } from '../../limits/token-bucket.js';
import { limits } from '../../limits/defaults.js';
import type { Log } from '../../log.js';
import { ProxyError } from '../proxy-error.js';
import { RequestBody } from '../upstream/request-body.js';
import type { ConnectHandler } from './connect-handler.js';
import type { ConnectionLimiter } from '../../limits/connection-limiter.js';
import { releaseSlot } from './exchange-slots.js';
import type { ExchangeSlots } from './exchange-slots.js';
import { endWith, rawErrorResponse } from './error-response.js';
import type { RequestHandler } from './request-handler.js';
import { RequestQueues, clientGone } from './request-queues.js';
import type { Turn } from './request-queues.js';
import type { TunnelSession } from './tunnel-session.js';

export interface ProxyServerOptions {
  readonly address: { readonly host: string | undefined; readonly port: number };
  readonly connections: ConnectionLimiter;
  readonly slots: ExchangeSlots;
  readonly requests: RequestHandler;
  readonly connects: ConnectHandler;
  /** See GatheredStream. */
  readonly chunkRate: TokenBucket;
  readonly observer: FailureObserver;
  readonly log: Log;
}

/** Counts failures of the proxy itself. */
export interface FailureObserver {
  /** A handler has failed in a way that no response could tell. */
  handlerFailed(): void;
}

const headersMs = limits.connections.headersMs;
const keptConnectionMs = limits.connections.idleMs;
/** What a client can take to read a response that the proxy has made itself. */
const flushMs = 30_000;
const drainCheckMs = 100;

/**
 * The HTTP server: takes connections, leaves the parsing to Node's strict parser, hands requests on one by one. Whatever a
 * handler throws ends its connection, not the process.
 */
export class ProxyServer {
  readonly #options: ProxyServerOptions;
  readonly #server: Server;
  /** Connections inside of tunnels. */
  readonly #tunnels = new WeakMap<Socket, TunnelSession>();
  /** Connections that were admitted already and came back after a CONNECT that was refused. */
  readonly #known = new WeakSet<Socket>();
  /** Connections on which a request has come; Node does not count the others as idle. */
  readonly #used = new WeakSet<Socket>();
  readonly #queues = new RequestQueues();
  #isStopping = false;

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: limits.headers.bytes,
      headersTimeout: headersMs,
      // Bodies may take hours; what matters is that they get on (stall-watch.ts).
      requestTimeout: 0,
      keepAliveTimeout: keptConnectionMs,
      connectionsCheckingInterval: 5_000,
      insecureHTTPParser: false,
      requireHostHeader: false,
      noDelay: true,
      keepAlive: true,
    });
    // One more than allowed, so that a request with too many is seen to have them.
    this.#server.maxHeadersCount = limits.headers.lines + 1;
    this.#server.on('connection', (socket) => this.#admit(socket));
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
    this.#server.on('checkContinue', (request, response) => this.#onRequest(request, response));
    // Node would answer it itself, with no limit for those that wait behind each other.
    this.#server.on('checkExpectation', (request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.#guard(socket, () => this.#onUpgrade(request, socket, head));
    });
    this.#server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.#guard(socket, () => this.#onConnect(request, socket, head));
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#onClientError(error, socket),
    );
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
          new CodedError('FAILED_PRECONDITION', `cannot listen on --proxy-address ${host ?? ''}:${port}`, {
            cause: error,
          }),
        ),
      );
      // A burst of clients at once is usual here: every step of a pipeline begins with connections.
      this.#server.listen({ port, backlog: 4096, ...(host === undefined ? {} : { host }) }, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Refuses new connections, lets what is in flight end for so long, then breaks the rest. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true;
    this.#server.close();
    this.#closeIdle();
    const endsAtMs = performance.now() + drainMs;
    while (this.#options.connections.count > 0 && performance.now() < endsAtMs) {
      await new Promise((resolve) => setTimeout(resolve, drainCheckMs));
      this.#closeIdle();
    }
    this.#options.connections.destroyAll();
  }

  #closeIdle(): void {
    this.#server.closeIdleConnections();
    this.#options.connections.destroyWhere((socket) => !this.#used.has(socket));
  }

  #admit(socket: Socket): void {
    if (this.#tunnels.has(socket) || this.#known.has(socket)) return;
    this.#known.add(socket);
    this.#options.connections.admit(socket);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#used.add(socket);
    // Written to after its connection has closed; there is nobody to tell.
    response.on('error', () => undefined);
    const body = new RequestBody(request, this.#options.chunkRate);
    if (this.#isStopping) response.setHeader('Connection', 'close');
    const turn = this.#queues.enter(request);
    if (turn === undefined) socket.destroy();
    else turn.end(this.#guard(socket, () => this.#serve(request, response, body, turn)));
  }

  /** A request is served when its response has left the process. */
  async #serve(request: IncomingMessage, response: ServerResponse, body: RequestBody, turn: Turn): Promise<void> {
    const { slots, requests } = this.#options;
    const { socket } = request;
    const slot = slots.acquire(socket.remoteAddress ?? '');
    try {
      await turn.wait();
      // The response before was the last one: what follows it on the connection is served nowhere (RFC 9112, 9.6).
      if (!socket.writable) return;
      await requests.serve(
        { request, body, slot, session: this.#tunnels.get(socket), leaving: turn.leaving },
        response,
      );
      await untilFlushed(response);
    } finally {
      releaseSlot(slot);
    }
  }

  /** The one place that catches what a handler throws: the connection is closed, and the failure logged and counted. */
  async #guard(socket: Socket, handle: () => void | Promise<void>): Promise<void> {
    try {
      await handle();
    } catch (error) {
      socket.destroy();
      this.#options.observer.handlerFailed();
      this.#options.log.error('Failed to handle connection', { error });
    }
  }

  async #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    this.#used.add(socket);
    // What follows belongs to another protocol, so nothing may be in flight before it.
    if (!this.#queues.isEmpty(socket)) {
      socket.destroy();
      return;
    }
    socket.on('error', () => socket.destroy());
    const slot = this.#options.slots.acquire(socket.remoteAddress ?? '');
    const leaving = new AbortController();
    socket.once('close', () => leaving.abort(clientGone));
    const arrival = { request, body: new RequestBody(request, this.#options.chunkRate), slot, leaving: leaving.signal };
    try {
      await this.#options.requests.serveUpgrade({ ...arrival, session: this.#tunnels.get(socket) }, socket, head);
    } finally {
      releaseSlot(slot);
    }
  }

  async #onConnect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    this.#used.add(socket);
    if (!this.#queues.isEmpty(socket) || this.#tunnels.has(socket)) {
      endWith(socket, rawErrorResponse(new ProxyError(400, 'malformed', 'CONNECT is not possible here'), true));
      return;
    }
    const { connects, slots } = this.#options;
    const slot = slots.acquire(socket.remoteAddress ?? '');
    try {
      await connects.serve(request, socket, head, slot, {
        again: () => {
          this.#used.delete(socket);
          // Node's server does not notice the end of a connection that came before it has the connection.
          if (socket.readableEnded) socket.destroySoon();
          else if (!socket.destroyed) this.#server.emit('connection', socket);
        },
        intercepted: (plain, session) => {
          this.#tunnels.set(plain, session);
          this.#server.emit('connection', plain);
        },
      });
    } finally {
      releaseSlot(slot);
    }
  }

  /** The connection is of no more use: nobody knows where the next request would begin. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === 'ECONNRESET' || !this.#queues.isEmpty(socket)) {
      socket.destroy();
      return;
    }
    endWith(socket, rawErrorResponse(refusalOfParser(error.code), true));
  }
}

/** Waits until a response has left the process, or its connection is closed. */
async function untilFlushed(response: ServerResponse): Promise<void> {
  if (response.closed || response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), flushMs);
  await new Promise<void>((resolve) => response.once('close', resolve));
  clearTimeout(timer);
}

function refusalOfParser(code: string | undefined): ProxyError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ProxyError(431, 'malformed', 'the headers are too long');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ProxyError(408, 'timeout', 'the request did not come in time');
    default:
      return new ProxyError(400, 'malformed', 'this is not HTTP/1.1 as the proxy takes it');
  }
}
