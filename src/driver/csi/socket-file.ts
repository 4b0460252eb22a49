import { chmodSync, existsSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect } from 'node:net';
import path from 'node:path';
import { CodedError } from '../../shared/errors.ts';

/**
 * Creates a unix socket, for root only, and listens on it.
 * @param ownsFolder whether the folder is the driver's own, to be created and closed to others.
 * @param backlog connections that can wait to be accepted; the kernel rejects further ones.
 * @returns the identity of the socket.
 * @throws {CodedError} FAILED_PRECONDITION if another process serves the socket or it cannot be created.
 */
export async function listenOnSocket(
  server: Server,
  socketPath: string,
  ownsFolder: boolean,
  backlog: number,
): Promise<string | undefined> {
  ensureFolder(socketPath, ownsFolder);
  await removeStaleSocket(socketPath);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ path: socketPath, backlog }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    chmodSync(socketPath, 0o600);
    return identityOf(socketPath);
  } catch (error) {
    throw new CodedError('FAILED_PRECONDITION', `cannot listen on ${socketPath}`, { cause: error });
  }
}

/**
 * Returns an identity that distinguishes the file now at a path from earlier and later ones; undefined if there is
 * none.
 */
export function identityOf(file: string): string | undefined {
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
export async function removeStaleSocket(socketPath: string): Promise<void> {
  const stats = lstatSync(socketPath, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    const message = `${socketPath} exists and is not a socket: remove it or choose another path`;
    throw new CodedError('FAILED_PRECONDITION', message);
  }
  if (await isServed(socketPath)) {
    const message = `another process answers on ${socketPath}: stop it first, two drivers cannot share a socket`;
    throw new CodedError('FAILED_PRECONDITION', message);
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
