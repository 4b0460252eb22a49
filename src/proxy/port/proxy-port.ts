import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { DriverError } from '../../errors.js';
import type { Log } from '../../log.js';
import { Refusal } from '../refusal.js';
import { streamBuffer } from '../upstream/stream-buffer.js';
import type { ClientMemory } from './client-memory.js';
import { headBytesOf } from './client-memory.js';
import type { ConnectHandler } from './connect-handler.js';
import type { Connections } from './connections.js';
import { rawRefusal } from './refusal-answer.js';
import type { RequestHandler } from './request-handler.js';
import type { TunnelSession } from './tunnel-session.js';

export interface ProxyPortOptions {
  readonly address: { readonly host: string | undefined; readonly port: number };
  readonly connections: Connections;
  readonly memory: ClientMemory;
  readonly requests: RequestHandler;
  readonly connects: ConnectHandler;
  readonly log: Log;
}

/** A user name of 6 KiB, percent-encoded and in base64, a token, and the tool's own. */
const maxHeaderBytes = 32 * 1024;
/** From the first byte of a request to the end of its headers; also what a new connection may keep silent. */
const headersMs = 30_000;
/** Longer than what clients keep connections for, so that they close them, not we under a request. */
const keptConnectionMs = 75_000;
const drainCheckMs = 100;
/** Requests that a client sends without waiting for answers, and their heads in memory, that of the one served included. */
const maxPipelined = 16;
const maxPipelinedBytes = 2 * maxHeaderBytes;

/** The requests of a connection, which are served one after the other. */
interface Queue {
  length: number;
  headBytes: number;
  last: Promise<void>;
  /** Aborts when the connection closes under a request. */
  readonly leaving: AbortSignal;
}

/** Why it does: made once, since an error costs its stack. */
const clientGone = new DriverError('CANCELLED', 'the client has gone');

/** The HTTP port: takes connections, leaves the parsing to Node's strict parser, hands requests on one by one. */
export class ProxyPort {
  readonly #options: ProxyPortOptions;
  readonly #server: Server;
  /** Connections inside of tunnels. */
  readonly #tunnels = new WeakMap<Socket, TunnelSession>();
  /** Connections that were admitted already and came back after a CONNECT that was refused. */
  readonly #known = new WeakSet<Socket>();
  /** Connections on which a request has come; Node does not count the others as idle. */
  readonly #used = new WeakSet<Socket>();
  readonly #queues = new WeakMap<Socket, Queue>();
  #isStopping = false;

  constructor(options: ProxyPortOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersMs,
      // Bodies may take hours; what matters is that they get on (stall-watch.ts).
      requestTimeout: 0,
      keepAliveTimeout: keptConnectionMs,
      connectionsCheckingInterval: 5_000,
      insecureHTTPParser: false,
      requireHostHeader: false,
      ...streamBuffer,
      noDelay: true,
      keepAlive: true,
    });
    this.#server.on('connection', (socket) => this.#admit(socket));
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
    this.#server.on('checkContinue', (request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#onUpgrade(request, socket, head),
    );
    this.#server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#onConnect(request, socket, head),
    );
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#onClientError(error, socket),
    );
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
          new DriverError('FAILED_PRECONDITION', `cannot listen on --proxy-address ${host ?? ''}:${port}`, {
            cause: error,
          }),
        ),
      );
      // A herd of clients at once is usual here: every step of a pipeline begins with connections.
      this.#server.listen({ port, backlog: 4096, ...(host === undefined ? {} : { host }) }, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** Refuses new connections, lets what is under way end for so long, then breaks the rest. */
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
    const { connections, memory } = this.#options;
    if (connections.admit(socket)) memory.add(socket);
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#used.add(socket);
    if (this.#isStopping) response.setHeader('Connection', 'close');
    const queue = this.#queueOf(socket);
    const headBytes = headBytesOf(request);
    queue.length += 1;
    queue.headBytes += headBytes;
    if (queue.length > maxPipelined || (queue.length > 1 && queue.headBytes > maxPipelinedBytes)) {
      socket.destroy();
      return;
    }
    const before = queue.length === 1 ? undefined : queue.last;
    queue.last = this.#serve(request, response, queue, headBytes, before);
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    queue: Queue,
    headBytes: number,
    before: Promise<void> | undefined,
  ): Promise<void> {
    const { memory, requests } = this.#options;
    const forgetHead = memory.arrived(request.socket, headBytes);
    if (before !== undefined) await before;
    const endServing = memory.serves(request.socket);
    await requests.serve(request, response, this.#tunnels.get(request.socket), queue.leaving);
    endServing();
    forgetHead();
    queue.length -= 1;
    queue.headBytes -= headBytes;
  }

  #queueOf(socket: Socket): Queue {
    const known = this.#queues.get(socket);
    if (known !== undefined) return known;
    const leaving = new AbortController();
    const queue: Queue = { length: 0, headBytes: 0, last: Promise.resolve(), leaving: leaving.signal };
    this.#queues.set(socket, queue);
    socket.once('close', () => {
      if (queue.length > 0) leaving.abort(clientGone);
    });
    return queue;
  }

  /** What comes after it belongs to another protocol, so nothing may be under way before it. */
  #isAlone(socket: Socket): boolean {
    return (this.#queues.get(socket)?.length ?? 0) === 0;
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#used.add(socket);
    if (!this.#isAlone(socket)) {
      socket.destroy();
      return;
    }
    // As long as the connection is there.
    this.#options.memory.serves(socket);
    void this.#options.requests.serveUpgrade(request, socket, head, this.#tunnels.get(socket));
  }

  #onConnect(request: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#used.add(socket);
    if (!this.#isAlone(socket) || this.#tunnels.has(socket)) {
      socket.end(rawRefusal(new Refusal(400, 'malformed', 'CONNECT is not possible here'), true));
      return;
    }
    const { connects, memory } = this.#options;
    const endServing = memory.serves(socket);
    void connects.serve(request, socket, head, {
      again: () => {
        endServing();
        this.#used.delete(socket);
        if (!socket.destroyed) this.#server.emit('connection', socket);
      },
      secured: () => {
        endServing();
        memory.secures(socket);
      },
      intercepted: (plain, session) => {
        this.#tunnels.set(plain, session);
        memory.speaksIn(socket, plain);
        this.#server.emit('connection', plain);
      },
    });
  }

  /** The connection is of no more use: nobody knows where the next request would begin. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!socket.writable || error.code === 'ECONNRESET' || !this.#isAlone(socket)) {
      socket.destroy();
      return;
    }
    socket.end(rawRefusal(refusalOfParser(error.code), true));
  }
}

function refusalOfParser(code: string | undefined): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new Refusal(431, 'malformed', 'the headers are too long');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new Refusal(408, 'timeout', 'the request did not come in time');
    default:
      return new Refusal(400, 'malformed', 'this is not HTTP/1.1 as the proxy takes it');
  }
}
