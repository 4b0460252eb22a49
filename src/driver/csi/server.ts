import type {
  ConnectionInjector,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
  handleUnaryCall,
} from '@grpc/grpc-js';
import { Server, ServerCredentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { createServer } from 'node:net';
import type { Server as Listener, Socket } from 'node:net';
import type { LimitUsage } from '../../shared/limits/limit-observer.ts';
import type { Log } from '../../shared/log.ts';
import { driverLimits } from '../limits.ts';
import { identityOf, listenOnSocket } from './socket-file.ts';

interface ServedService {
  readonly definition: ServiceDefinition;
  /** Unary calls only. */
  readonly implementation: UntypedServiceImplementation;
}

interface SocketServerOptions {
  /** Absolute path of the unix socket. */
  readonly socketPath: string;
  /** Whether the socket's folder is the driver's own, to be created and closed to others. */
  readonly ownsFolder: boolean;
  readonly services: readonly ServedService[];
  /** Time that a graceful stop waits for running calls, in milliseconds. */
  readonly drainMs: number;
  readonly socket: SocketLimits;
  /** Absent: those of the driver. */
  readonly connection?: GrpcConnectionLimits;
  /** Called for each connection over the limit. */
  readonly onRejected: () => void;
  readonly log: Log;
}

/** Limits of all clients of a socket together. */
type SocketLimits = Readonly<Record<keyof typeof driverLimits.csiSocket, number>>;

type GrpcConnectionLimits = Readonly<Record<keyof typeof driverLimits.grpcConnection, number>>;

/**
 * gRPC services on a unix socket that only root can use. The server accepts connections itself and passes them to
 * grpc-js, so that it can close all of them, whatever their clients do.
 */
export class SocketServer {
  readonly #options: SocketServerOptions;
  readonly #grpc: Server;
  readonly #injector: ConnectionInjector;
  readonly #connections = new SocketConnections();
  readonly #listener: Listener;
  /** Identity of the socket that this server has created. */
  #identity: string | undefined;
  #runningCalls = 0;
  #onIdle: (() => void) | undefined;

  constructor(options: SocketServerOptions) {
    this.#options = options;
    const { socket, connection = driverLimits.grpcConnection, onRejected } = options;
    this.#listener = createServer((accepted) => this.#accept(accepted)).on('drop', onRejected);
    this.#listener.maxConnections = socket.connections;
    this.#grpc = new Server({
      'grpc.max_connection_idle_ms': connection.idleMs,
      'grpc.max_connection_age_ms': connection.ageMs,
      'grpc.max_connection_age_grace_ms': connection.ageGraceMs,
      'grpc.keepalive_time_ms': connection.keepaliveMs,
      'grpc.keepalive_timeout_ms': connection.keepaliveTimeoutMs,
      'grpc.max_concurrent_streams': connection.streams,
      'grpc.max_receive_message_length': connection.requestBytes,
      // Channelz counts calls and connections for a debugging service that is not served.
      'grpc.enable_channelz': 0,
    });
    for (const { definition, implementation } of options.services)
      this.#grpc.addService(definition, this.#counted(implementation));
    // grpc-js logs mistakes of clients in its own format, and quotes what they sent.
    setLogVerbosity(logVerbosity.NONE);
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /**
   * Listens on the socket. @throws {CodedError} FAILED_PRECONDITION if another process serves the socket or it cannot
   * be created.
   */
  async start(): Promise<void> {
    const { socketPath, ownsFolder, socket, log } = this.#options;
    this.#identity = await listenOnSocket(this.#listener, socketPath, ownsFolder, socket.backlog);
    this.#listener.on('error', (error) => log.warn('Failed to accept connection', { path: socketPath, error }));
    log.info('Listening', { path: socketPath });
  }

  /** Whether clients that dial the path reach this server: its socket can be removed or replaced. */
  get isInPlace(): boolean {
    return this.#identity !== undefined && identityOf(this.#options.socketPath) === this.#identity;
  }

  /** Open connections and their limit. */
  get use(): LimitUsage {
    return { used: this.#connections.count, capacity: this.#options.socket.connections };
  }

  /**
   * Stops the server: accepts no new calls, waits for the running ones, then closes all connections. No client can
   * prolong this by being mute, frozen or half way through a request. The socket is removed first. Mounts stay.
   */
  async stop(): Promise<void> {
    const { socketPath, log } = this.#options;
    this.#listener.close();
    // Its callback is ignored: it runs when the clients have closed their sides.
    this.#grpc.tryShutdown(() => undefined);
    if (!(await this.#waitForCalls())) {
      log.warn('Drain timeout exceeded, aborting running calls', { path: socketPath, count: this.#runningCalls });
    }
    await this.#connections.waitUntilClosed();
    this.#grpc.forceShutdown();
  }

  #accept(connection: Socket): void {
    this.#connections.add(connection);
    this.#injector.injectConnection(connection);
  }

  /** Waits for running calls. @returns false if the drain timeout passed first. */
  async #waitForCalls(): Promise<boolean> {
    if (this.#runningCalls === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const isIdle = await new Promise<boolean>((resolve) => {
      this.#onIdle = () => resolve(true);
      timer = setTimeout(() => resolve(false), this.#options.drainMs);
    });
    clearTimeout(timer);
    return isIdle;
  }

  /** Wraps the handlers to count running calls. */
  #counted(implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    return Object.fromEntries(
      Object.entries(implementation).map(([rpc, handler]) => [rpc, this.#countedCall(handler)]),
    );
  }

  #countedCall(handler: UntypedHandleCall): UntypedHandleCall {
    const serve = handler as handleUnaryCall<unknown, unknown>;
    const counted: handleUnaryCall<unknown, unknown> = (call, respond) => {
      this.#runningCalls += 1;
      serve(call, (...response) => {
        respond(...response);
        this.#runningCalls -= 1;
        if (this.#runningCalls === 0) this.#onIdle?.();
      });
    };
    return counted;
  }
}

/**
 * Time in milliseconds for the last responses to reach the kernel. Only clients that stopped reading or writing need
 * it.
 */
const flushMs = 1000;

/**
 * The open connections of a server. grpc-js closes its sessions but leaves their sockets half open until the client
 * closes too, which a mute or frozen client never does.
 */
class SocketConnections {
  readonly #open = new Set<Socket>();

  get count(): number {
    return this.#open.size;
  }

  add(connection: Socket): void {
    this.#open.add(connection);
    connection.once('close', () => this.#open.delete(connection));
    // A closed session ends its side once all responses are written, and nothing can follow.
    connection.once('finish', () => connection.destroy());
  }

  /** Waits until all connections whose sessions are closing have closed, and destroys them after the timeout. */
  async waitUntilClosed(): Promise<void> {
    const open = [...this.#open];
    const closed = open.map((connection) => new Promise<void>((resolve) => connection.once('close', () => resolve())));
    const timer = setTimeout(() => open.forEach((connection) => connection.destroy()), flushMs);
    await Promise.all(closed);
    clearTimeout(timer);
  }
}
