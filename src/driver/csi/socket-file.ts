import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect } from 'node:net';
import path from 'node:path';
import { CodedError } from '../../errors.js';

/** A unix socket as a file: made where nobody else listens, told from others at the same path, and taken away alone. */
export class SocketFile {
  readonly path: string;
  /** Of the socket that this process has made. */
  #identity: string | undefined;

  constructor(socketPath: string) {
    this.path = socketPath;
  }

  /**
   * Makes the socket, for root only, and has the server listen on it.
   * @param ownsFolder whether the folder is the driver's, to be made and closed to others.
   * @param backlog connections that may wait to be accepted; the kernel refuses what is more.
   * @throws {CodedError} FAILED_PRECONDITION when another process answers on the socket or it cannot be made.
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

  /** Whether clients that dial the path reach this process: its socket may have been removed or replaced. */
  get isInPlace(): boolean {
    return this.#identity !== undefined && identityOf(this.path) === this.#identity;
  }

  /**
   * Takes no connections any more and removes the socket. Node removes whatever is at the path of a socket that it
   * closes, at once. When that is not this server's any more but another driver's, it is out of the way for that moment.
   */
  close(server: Server): void {
    if (!server.listening) return;
    const isAnothers = this.#identity !== undefined && !this.isInPlace && existsSync(this.path);
    if (!isAnothers) {
      server.close();
      return;
    }
    // The kubelet takes no notice of names that begin with a dot.
    const aside = path.join(path.dirname(this.path), `.${path.basename(this.path)}.kept`);
    renameSync(this.path, aside);
    server.close();
    renameSync(aside, this.path);
  }
}

/** Tells the file now at a path from others that were or will be there; undefined when there is none. */
function identityOf(file: string): string | undefined {
  const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false });
  return stats && `${stats.dev}.${stats.ino}.${stats.birthtimeNs}`;
}

/** @throws {CodedError} FAILED_PRECONDITION where there is no folder for the socket, and none can or may be made. */
function ensureFolder(socketPath: string, isOwn: boolean): void {
  const folder = path.dirname(socketPath);
  try {
    if (isOwn) prepareFolder(folder, path.basename(socketPath));
  } catch (error) {
    throw new CodedError('FAILED_PRECONDITION', `cannot make the folder of ${socketPath}`, { cause: error });
  }
  if (!existsSync(folder)) {
    throw new CodedError('FAILED_PRECONDITION', `cannot listen on ${socketPath}: there is no folder ${folder}`);
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
    throw new CodedError(
      'FAILED_PRECONDITION',
      `${socketPath} exists and is not a socket: remove it or choose another path`,
    );
  }
  if (await isAnswering(socketPath)) {
    throw new CodedError(
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
