import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { DriverError } from '../../errors.js';
import type { Log } from '../../log.js';

export interface ServedService {
  readonly definition: ServiceDefinition;
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
  readonly connections: ConnectionLimits;
  readonly log: Log;
}

/** Milliseconds. The kubelet dials anew for every call; what a client leaves open must not pile up. */
export interface ConnectionLimits {
  /** How long a connection may stay without a call. */
  readonly idleMs: number;
  readonly ageMs: number;
  /** How long the calls of a connection that has reached its age may still run. */
  readonly ageGraceMs: number;
}

export const connectionLimits: ConnectionLimits = { idleMs: 60_000, ageMs: 600_000, ageGraceMs: 150_000 };

const maxMessageBytes = 4 * 1024 * 1024;

/** gRPC services on a unix socket that only root may use. */
export class SocketServer {
  readonly #options: SocketServerOptions;
  readonly #server: Server;
  /** Of the socket that this server has made. */
  #identity: string | undefined;

  constructor(options: SocketServerOptions) {
    this.#options = options;
    const { idleMs, ageMs, ageGraceMs } = options.connections;
    this.#server = new Server({
      'grpc.max_connection_idle_ms': idleMs,
      'grpc.max_connection_age_ms': ageMs,
      'grpc.max_connection_age_grace_ms': ageGraceMs,
      'grpc.max_receive_message_length': maxMessageBytes,
    });
    for (const { definition, implementation } of options.services) this.#server.addService(definition, implementation);
  }

  /** @throws {DriverError} FAILED_PRECONDITION when another process answers on the socket or it cannot be made. */
  async start(): Promise<void> {
    const { socketPath, ownsFolder, log } = this.#options;
    ensureFolder(socketPath, ownsFolder);
    await removeStaleSocket(socketPath);
    try {
      await promisify(this.#server.bindAsync.bind(this.#server))(
        `unix://${socketPath}`,
        ServerCredentials.createInsecure(),
      );
      chmodSync(socketPath, 0o600);
      this.#identity = identityOf(socketPath);
    } catch (error) {
      throw new DriverError('FAILED_PRECONDITION', `cannot listen on ${socketPath}`, { cause: error });
    }
    log.info('listening', { path: socketPath });
  }

  /** Whether clients that dial the path reach this server: its socket may have been removed or replaced. */
  get isInPlace(): boolean {
    return this.#identity !== undefined && identityOf(this.#options.socketPath) === this.#identity;
  }

  /**
   * Takes no new calls, waits for the running ones, then cuts off what is left. The socket goes at once, by itself: what
   * is at its path when the last call has ended may be the next driver's. Mounts stay.
   */
  async stop(): Promise<void> {
    const { socketPath, drainMs, log } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(true), drainMs);
    });
    const drained = this.#close().then(() => false);
    if (await Promise.race([drained, timedOut])) {
      log.warn('calls still running after the drain time are cut off', { path: socketPath });
      this.#server.forceShutdown();
    }
    clearTimeout(timer);
  }

  /**
   * Node removes whatever is at the path of a socket that it closes, at once. When that is not this server's any more but
   * another driver's, it is out of the way for that moment.
   */
  #close(): Promise<void> {
    const { socketPath } = this.#options;
    const close = promisify(this.#server.tryShutdown.bind(this.#server));
    const isAnothers = this.#identity !== undefined && !this.isInPlace && existsSync(socketPath);
    if (!isAnothers) return close();
    // The kubelet takes no notice of names that begin with a dot.
    const aside = path.join(path.dirname(socketPath), `.${path.basename(socketPath)}.kept`);
    renameSync(socketPath, aside);
    const closed = close();
    renameSync(aside, socketPath);
    return closed;
  }
}

/** Tells the file now at a path from others that were or will be there; undefined when there is none. */
function identityOf(file: string): string | undefined {
  const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev}.${stats.ino}.${stats.birthtimeNs}`;
}

/** @throws {DriverError} FAILED_PRECONDITION where there is no folder for the socket, and none can or may be made. */
function ensureFolder(socketPath: string, isOwn: boolean): void {
  const folder = path.dirname(socketPath);
  try {
    if (isOwn) prepareFolder(folder, path.basename(socketPath));
  } catch (error) {
    throw new DriverError('FAILED_PRECONDITION', `cannot make the folder of ${socketPath}`, { cause: error });
  }
  if (!existsSync(folder)) {
    throw new DriverError('FAILED_PRECONDITION', `cannot listen on ${socketPath}: there is no folder ${folder}`);
  }
}

/**
 * Makes the socket's folder with mode 0700. A folder that exists is tightened only when it is this process's own and
 * holds nothing else, so that a socket in a shared place such as /tmp never locks others out.
 */
function prepareFolder(folder: string, socketName: string): void {
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return;
  }
  const { uid, mode } = statSync(folder);
  const isOwn = uid === ownUid() && (mode & 0o1000) === 0;
  if (isOwn && readdirSync(folder).every((name) => name === socketName)) chmodSync(folder, 0o700);
}

function ownUid(): number {
  return statSync('/proc/self').uid;
}

/** Removes a socket that a dead process left; a living one is never touched. */
async function removeStaleSocket(socketPath: string): Promise<void> {
  const stats = lstatSync(socketPath, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw new DriverError(
      'FAILED_PRECONDITION',
      `${socketPath} exists and is not a socket: remove it or choose another path`,
    );
  }
  if (await isAnswering(socketPath)) {
    throw new DriverError(
      'FAILED_PRECONDITION',
      `another process answers on ${socketPath}: stop it first, two drivers cannot share a socket`,
    );
  }
  unlinkSync(socketPath);
}

function isAnswering(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Refused: nobody listens. Anything else (no permission, a full backlog): somebody may.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
