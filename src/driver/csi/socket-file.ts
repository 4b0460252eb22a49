import { chmodSync, existsSync, lstatSync, mkdirSync, renameSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect } from 'node:net';
import path from 'node:path';
import { CodedError } from '../../shared/errors.ts';

/**
 * The file of a unix socket. It is created only if no other process listens, distinguished from others at the same
 * path, and removed without them.
 */
export class SocketFile {
  readonly path: string;
  /** Identity of the socket that this process created. */
  #identity: string | undefined;

  constructor(socketPath: string) {
    this.path = socketPath;
  }

  /**
   * Creates the socket, for root only, and listens on it.
   * @param ownsFolder whether the folder is the driver's own, to be created and closed to others.
   * @param backlog connections that can wait to be accepted; the kernel rejects further ones.
   * @throws {CodedError} FAILED_PRECONDITION if another process serves the socket or it cannot be created.
   */
  async listen(server: Server, ownsFolder: boolean, backlog: number): Promise<void> {
    ensureFolder(this.path, ownsFolder);
    await removeStaleSocket(this.path);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ path: this.path, backlog }, () => {
          server.off('error', reject);
          resolve();
        });
      });
      chmodSync(this.path, 0o600);
      this.#identity = identityOf(this.path);
    } catch (error) {
      throw new CodedError('FAILED_PRECONDITION', `cannot listen on ${this.path}`, { cause: error });
    }
  }

  /** Whether clients that dial the path reach this process: its socket can be removed or replaced. */
  get isInPlace(): boolean {
    return this.#identity !== undefined && identityOf(this.path) === this.#identity;
  }

  /**
   * Stops listening and removes the socket. Node removes whatever is at the path of a closed socket, synchronously.
   * Another driver's socket at that path is moved out of the way meanwhile.
   */
  close(server: Server): void {
    if (!server.listening) return;
    const isAnothers = this.#identity !== undefined && !this.isInPlace && existsSync(this.path);
    if (!isAnothers) {
      server.close();
      return;
    }
    // The kubelet ignores names that start with a dot.
    const aside = path.join(path.dirname(this.path), `.${path.basename(this.path)}.kept`);
    renameSync(this.path, aside);
    server.close();
    renameSync(aside, this.path);
  }
}

/**
 * Returns an identity that distinguishes the file now at a path from earlier and later ones; undefined if there is
 * none.
 */
function identityOf(file: string): string | undefined {
  const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev}.${stats.ino}.${stats.birthtimeNs}`;
}

/**
 * Ensures that the socket's folder exists. @throws {CodedError} FAILED_PRECONDITION if it does not and cannot be
 * created.
 */
function ensureFolder(socketPath: string, isOwn: boolean): void {
  const folder = path.dirname(socketPath);
  try {
    if (isOwn) mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CodedError('FAILED_PRECONDITION', `cannot make the folder of ${socketPath}`, { cause: error });
  }
  if (!existsSync(folder)) {
    throw new CodedError('FAILED_PRECONDITION', `cannot listen on ${socketPath}: there is no folder ${folder}`);
  }
}

/** Removes the socket of a dead process; a served one is never touched. */
async function removeStaleSocket(socketPath: string): Promise<void> {
  const stats = lstatSync(socketPath, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    throw new CodedError(
      'FAILED_PRECONDITION',
      `${socketPath} exists and is not a socket: remove it or choose another path`,
    );
  }
  if (await isServed(socketPath)) {
    throw new CodedError(
      'FAILED_PRECONDITION',
      `another process answers on ${socketPath}: stop it first, two drivers cannot share a socket`,
    );
  }
  unlinkSync(socketPath);
}

function isServed(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // ECONNREFUSED means that no process listens. With any other error (no permission, a full backlog), one could.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
