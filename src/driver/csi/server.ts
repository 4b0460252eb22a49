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
import type { LimitUsage } from '../../limits/limit-observer.js';
import type { Log } from '../../log.js';
import { SocketConnections } from './socket-connections.js';
import { SocketFile } from './socket-file.js';

export interface ServedService {
  readonly definition: ServiceDefinition;
  /** Unary calls only. */
  readonly implementation: UntypedServiceImplementation;
}

export interface SocketServerOptions {
  /** Absolute path of the unix socket. */
  readonly socketPath: string;
  /** Whether the socket's folder is the driver's, to be made and closed to others. */
  readonly ownsFolder: boolean;
  readonly services: readonly ServedService[];
  /** Milliseconds that a graceful stop waits for running calls. */
  readonly drainMs: number;
  readonly socket: SocketLimits;
  readonly connection: ConnectionLimits;
  /** Called for each connection over the limit. */
  readonly onRejected: () => void;
  readonly log: Log;
}

/** What the clients of a socket may have open together; see limits/defaults.ts. */
export interface SocketLimits {
  readonly connections: number;
  /** Connections that wait to be accepted. */
  readonly backlog: number;
}

/** What one connection may take; see limits/defaults.ts. */
export interface ConnectionLimits {
  readonly idleMs: number;
  readonly ageMs: number;
  readonly ageGraceMs: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly streams: number;
  readonly requestBytes: number;
}

/**
 * gRPC services on a unix socket that only root may use. The connections are accepted here and handed to grpc-js, so that
 * this server knows them all and can end them, whatever their clients do.
 */
export class SocketServer {
  readonly #options: SocketServerOptions;
  readonly #file: SocketFile;
  readonly #grpc: Server;
  readonly #injector: ConnectionInjector;
  readonly #connections = new SocketConnections();
  readonly #listener: Listener;
  #runningCalls = 0;
  #whenAnswered: (() => void) | undefined;

  constructor(options: SocketServerOptions) {
    this.#options = options;
    this.#file = new SocketFile(options.socketPath);
    const { socket, connection, onRejected } = options;
    this.#listener = createServer((accepted) => this.#take(accepted)).on('drop', onRejected);
    this.#listener.maxConnections = socket.connections;
    this.#grpc = new Server({
      'grpc.max_connection_idle_ms': connection.idleMs,
      'grpc.max_connection_age_ms': connection.ageMs,
      'grpc.max_connection_age_grace_ms': connection.ageGraceMs,
      'grpc.keepalive_time_ms': connection.keepaliveMs,
      'grpc.keepalive_timeout_ms': connection.keepaliveTimeoutMs,
      'grpc.max_concurrent_streams': connection.streams,
      'grpc.max_receive_message_length': connection.requestBytes,
      // Counts each call and connection for a debugging service that is not served.
      'grpc.enable_channelz': 0,
    });
    for (const { definition, implementation } of options.services)
      this.#grpc.addService(definition, this.#counted(implementation));
    // What it says of a client's mistakes is no line of the log, and quotes what the client sent.
    setLogVerbosity(logVerbosity.NONE);
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
  }

  /** @throws {CodedError} FAILED_PRECONDITION when another process answers on the socket or it cannot be made. */
  async start(): Promise<void> {
    const { socketPath, ownsFolder, socket, log } = this.#options;
    await this.#file.listen(this.#listener, ownsFolder, socket.backlog);
    this.#listener.on('error', (error) => log.warn('Failed to accept connection', { path: socketPath, error }));
    log.info('Listening', { path: socketPath });
  }

  /** Whether clients that dial the path reach this server: its socket may have been removed or replaced. */
  get isInPlace(): boolean {
    return this.#file.isInPlace;
  }

  /** Connections. */
  get use(): LimitUsage {
    return { used: this.#connections.count, limit: this.#options.socket.connections };
  }

  /**
   * Takes no new calls, waits for the running ones, then cuts off what is left: no client can prolong it by being mute,
   * frozen or half way through a request. The socket goes at once, by itself: what is at its path when the last call has
   * ended may be the next driver's. Mounts stay.
   */
  async stop(): Promise<void> {
    const { socketPath, log } = this.#options;
    this.#file.close(this.#listener);
    // Its callback is not waited for: it comes when the clients have closed their sides.
    this.#grpc.tryShutdown(() => undefined);
    if (!(await this.#untilAnswered())) {
      log.warn('Drain timeout exceeded, aborting running calls', { path: socketPath, count: this.#runningCalls });
    }
    await this.#connections.untilClosed();
    this.#grpc.forceShutdown();
  }

  #take(connection: Socket): void {
    this.#connections.add(connection);
    this.#injector.injectConnection(connection);
  }

  /** @returns false when the drain time was over before the last running call had its answer. */
  async #untilAnswered(): Promise<boolean> {
    if (this.#runningCalls === 0) return true;
    let timer: NodeJS.Timeout | undefined;
    const isAnswered = await new Promise<boolean>((resolve) => {
      this.#whenAnswered = () => resolve(true);
      timer = setTimeout(() => resolve(false), this.#options.drainMs);
    });
    clearTimeout(timer);
    return isAnswered;
  }

  /** The same handlers, which tell when they begin and when their answer is given. */
  #counted(implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    return Object.fromEntries(
      Object.entries(implementation).map(([rpc, handler]) => [rpc, this.#countedCall(handler)]),
    );
  }

  #countedCall(handler: UntypedHandleCall): UntypedHandleCall {
    const serve = handler as handleUnaryCall<unknown, unknown>;
    const counted: handleUnaryCall<unknown, unknown> = (call, answer) => {
      this.#runningCalls += 1;
      serve(call, (...answered) => {
        answer(...answered);
        this.#runningCalls -= 1;
        if (this.#runningCalls === 0) this.#whenAnswered?.();
      });
    };
    return counted;
  }
}
