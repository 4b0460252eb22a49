import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net';
import { limits } from '../../shared/limits/defaults.ts';
import { proxyLimits } from '../limits.ts';
import type { Log } from '../../shared/log.ts';
import { listen } from '../../shared/process/listen.ts';
import type { ListenAddress } from '../../shared/process/listen.ts';
import { ProxyError } from '../proxy-error.ts';
import { RequestBody } from '../tool/request-body.ts';
import type { ThreadShare, ThreadShares } from '../thread-shares.ts';
import { addressOf } from './authenticated-client.ts';
import type { ConnectHandler } from './connect-handler.ts';
import type { ConnectionLimiter } from './connection-limiter.ts';
import type { ExchangeSlot, ExchangeSlots } from './exchange-slots.ts';
import { endWith, parserError, rawErrorResponse } from './error-response.ts';
import type { RequestHandler } from './request-handler.ts';
import { RequestQueues, clientGoneError } from './request-queues.ts';
import type { QueuedRequest } from './request-queues.ts';
import type { ServerObserver } from './server-observer.ts';
import { createTlsServer } from './tls-listener.ts';
import type { TlsListenerOptions } from './tls-listener.ts';
import type { TunnelSession } from './tunnel-session.ts';

interface ProxyServerOptions {
  readonly address: ListenAddress;
  /** Address and certificate for clients that speak TLS to the proxy; undefined for none. */
  readonly tls: TlsListenerOptions | undefined;
  readonly connections: ConnectionLimiter;
  readonly slots: ExchangeSlots;
  readonly requests: RequestHandler;
  readonly connects: ConnectHandler;
  readonly threads: ThreadShares;
  readonly observer: ServerObserver;
  readonly log: Log;
}

const headersMs = limits.connections.headersMs;
const keptConnectionMs = limits.connections.idleMs;
const drainCheckMs = 100;
const ignore = (): void => undefined;

/**
 * The HTTP server: accepts connections, parses them with Node's strict parser, and passes on requests one by one. An
 * error in a handler closes its connection and does not end the process.
 */
export class ProxyServer {
  readonly #options: ProxyServerOptions;
  readonly #server: Server;
  readonly #tls: NetServer | undefined;
  /** Further ones at its port: of each, Node accepts one connection in a turn of the event loop. */
  readonly #acceptors: readonly NetServer[];
  /** Accepted connections by themselves, and by their decrypted streams. */
  readonly #accepted = new WeakMap<Socket, Socket>();
  /** Connections inside tunnels. */
  readonly #tunnels = new WeakMap<Socket, TunnelSession>();
  /** Connections with at least one request; Node does not count the others as idle. */
  readonly #used = new WeakSet<Socket>();
  readonly #queues = new RequestQueues();
  #isStopping = false;

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: proxyLimits.headers.bytes,
      headersTimeout: headersMs,
      // Bodies can take hours. `watchIdle` ends those without progress.
      requestTimeout: 0,
      keepAliveTimeout: keptConnectionMs,
      connectionsCheckingInterval: 5_000,
      insecureHTTPParser: false,
      requireHostHeader: false,
      noDelay: true,
      keepAlive: true,
    });
    // One more than permitted, to detect a request with too many.
    this.#server.maxHeadersCount = proxyLimits.headers.lines + 1;
    this.#tls =
      options.tls &&
      createTlsServer({
        ...options.tls,
        acquire: (socket) => options.connections.acquire(socket),
        secured: (secure, socket) => {
          this.#accepted.set(secure, socket);
          this.#server.emit('connection', secure);
        },
        failed: (error) => this.#onFailure(error),
      });
    const accept = (socket: Socket): boolean => this.#server.emit('connection', socket);
    const sockets = { noDelay: true, keepAlive: true, allowHalfOpen: true };
    this.#acceptors = Array.from({ length: proxyLimits.acceptors - 1 }, () => createNetServer(sockets, accept));
    this.#server.on('connection', (socket) => this.#accept(socket));
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
    this.#server.on('checkContinue', (request, response) => this.#onRequest(request, response));
    // By default Node responds itself, outside the queue of the connection.
    this.#server.on('checkExpectation', (request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#onUpgrade(request, socket, head).catch((error: unknown) => this.#onHandlerError(error, socket));
    });
    this.#server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#onConnect(request, socket, head).catch((error: unknown) => this.#onHandlerError(error, socket));
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#onClientError(error, socket),
    );
  }

  /**
   * Starts the server.
   * @returns the ports that it listens on.
   * @throws {CodedError} FAILED_PRECONDITION if it cannot listen on an address.
   */
  async start(): Promise<{ readonly port: number; readonly tlsPort: number | undefined }> {
    const { address, log } = this.#options;
    const { backlog } = limits.connections;
    const onAcceptError = (error: Error): void => log.warn('Failed to accept connection', { error });
    const parts = { backlog, onAcceptError, reusePort: true };
    const port = await listen(this.#server, '--proxy-address', address, parts);
    for (const acceptor of this.#acceptors) await listen(acceptor, '--proxy-address', { ...address, port }, parts);
    const { tls } = this.#options;
    if (this.#tls === undefined || tls === undefined) return { port, tlsPort: undefined };
    return { port, tlsPort: await listen(this.#tls, '--tls-address', tls.address, { backlog, onAcceptError }) };
  }

  get isListening(): boolean {
    return this.#server.listening && this.#tls?.listening !== false;
  }

  /** Closes the listeners, waits up to `drainMs` for requests in flight, and aborts the rest. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true;
    for (const server of [this.#server, ...this.#acceptors]) server.close();
    this.#tls?.close();
    this.#closeIdle();
    const endsAtMs = performance.now() + drainMs;
    while (this.#options.connections.used > 0 && performance.now() < endsAtMs) {
      await new Promise((resolve) => setTimeout(resolve, drainCheckMs));
      this.#closeIdle();
    }
    this.#options.connections.destroyWhere(() => true);
  }

  #closeIdle(): void {
    this.#server.closeIdleConnections();
    this.#options.connections.destroyWhere((socket) => !this.#used.has(socket));
  }

  #accept(socket: Socket): void {
    // A connection comes again after a rejected CONNECT.
    if (this.#tunnels.has(socket) || this.#accepted.has(socket)) return;
    this.#accepted.set(socket, socket);
    if (!this.#options.connections.acquire(socket)) return;
    const share = this.#options.threads.of(`address ${socket.remoteAddress ?? ''}`);
    if (share.delayMs() > 0) setImmediate(() => socket.destroyed || holdBack(socket, share));
  }

  /** Returns the accepted connection of a stream. */
  #acceptedOf(socket: Socket): Socket {
    return this.#accepted.get(socket) ?? socket;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#used.add(this.#acceptedOf(socket));
    // An error of writing after the connection has closed, which no client can see.
    response.on('error', ignore);
    if (this.#isStopping) response.setHeader('Connection', 'close');
    const queued = this.#queues.add(request);
    if (queued === undefined) socket.destroy();
    else void this.#serve(request, response, queued);
  }

  /** Serves a request. It is in flight until its response has left the process. */
  async #serve(request: IncomingMessage, response: ServerResponse, queued: QueuedRequest): Promise<void> {
    const { slots, requests } = this.#options;
    const { socket } = request;
    const slot = slots.acquire(this.#acceptedOf(socket));
    const body = this.#bodyOf(request, slot, response);
    try {
      if (queued.turn !== undefined) await queued.turn;
      // After a response that closes the connection, further requests on it are not served (RFC 9112, 9.6).
      if (!socket.writable) return;
      await requests.serve(
        { request, body, slot, session: this.#tunnels.get(socket), clientGone: queued.clientGone },
        response,
      );
      if (!response.closed) await untilFlushed(response);
    } catch (error) {
      this.#onHandlerError(error, socket);
    } finally {
      slot.release();
      queued.end();
    }
  }

  /** The only handler of errors that handlers throw. Closes the connection. */
  #onHandlerError(error: unknown, socket: Socket): void {
    socket.destroy();
    this.#onFailure(error);
  }

  #onFailure(error: unknown): void {
    this.#options.observer.handlerFailed();
    this.#options.log.error('Failed to handle connection', { error });
  }

  async #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    this.#used.add(this.#acceptedOf(socket));
    // The following bytes belong to another protocol, so no earlier request must be in flight.
    if (!this.#queues.isEmpty(socket)) {
      socket.destroy();
      return;
    }
    socket.on('error', () => socket.destroy());
    const slot = this.#options.slots.acquire(this.#acceptedOf(socket));
    const clientGone = new AbortController();
    socket.once('close', () => clientGone.abort(clientGoneError));
    const incoming = { request, body: this.#bodyOf(request, slot), slot, clientGone: clientGone.signal };
    try {
      await this.#options.requests.serveUpgrade({ ...incoming, session: this.#tunnels.get(socket) }, socket, head);
    } finally {
      slot.release();
    }
  }

  async #onConnect(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    this.#used.add(this.#acceptedOf(socket));
    if (!this.#queues.isEmpty(socket) || this.#tunnels.has(socket)) {
      const problem = 'CONNECT is not possible inside a tunnel or before the responses to earlier requests';
      endWith(socket, new ProxyError(400, 'malformed', problem));
      return;
    }
    const { connects, slots } = this.#options;
    const slot = slots.acquire(this.#acceptedOf(socket));
    try {
      await connects.serve(request, socket, head, slot, {
        resumeHttp: () => {
          this.#used.delete(this.#acceptedOf(socket));
          // Node's server does not detect that the connection has ended before it is passed on.
          if (socket.readableEnded) socket.destroySoon();
          else if (!socket.destroyed) this.#server.emit('connection', socket);
        },
        intercepted: (plain, session) => {
          this.#tunnels.set(plain, session);
          this.#accepted.set(plain, this.#acceptedOf(socket));
          this.#server.emit('connection', plain);
        },
      });
    } finally {
      slot.release();
    }
  }

  #bodyOf(request: IncomingMessage, slot: ExchangeSlot, response?: ServerResponse): RequestBody {
    return new RequestBody(
      request,
      () => this.#options.threads.of(slot.owner()),
      (error) => {
        this.#options.threads.of(`address ${addressOf(request)}`).charge(proxyLimits.thread.floodMs);
        if (response?.headersSent === false) request.socket.write(rawErrorResponse(error, true));
        request.destroy(error);
      },
    );
  }

  /** Closes the connection: after a parse error the start of the next request is uncertain. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === 'ECONNRESET' || !this.#queues.isEmpty(socket)) {
      socket.destroy();
      return;
    }
    endWith(socket, parserError(error.code));
  }
}

/** Reads nothing from a new connection while the share of its address is overdrawn. Node has started it in its next tick. */
function holdBack(socket: Socket, share: ThreadShare): void {
  socket.pause();
  const stopWaiting = share.whenFree(() => socket.resume());
  socket.once('close', stopWaiting);
}

/** Waits until a response has left the process, or its connection is closed. */
async function untilFlushed(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  const timer = setTimeout(() => response.destroy(), limits.connections.flushMs);
  await new Promise<void>((resolve) => response.once('close', resolve));
  clearTimeout(timer);
}
