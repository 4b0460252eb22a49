import fs from 'node:fs';
import { Socket } from 'node:net';

/** Takes bytes without ever waiting for whoever reads them. */
export interface NonBlockingSink {
  /** @returns how many of the bytes were taken: fewer than given, down to 0, when the reader has to read first. */
  readonly write: (bytes: Buffer) => number;
}

/**
 * Makes writes to a descriptor of this process fail instead of wait. The flag for that belongs to the open file, which a
 * terminal or pipe shares with other processes that may rely on waiting, so those are opened anew. A socket cannot be;
 * libuv sets the flag there, as it does for every socket of a Node process.
 */
export function nonBlockingSink(descriptor: number): NonBlockingSink {
  const stats = fs.fstatSync(descriptor);
  if (stats.isFIFO() || stats.isCharacterDevice()) {
    const reopened = reopen(descriptor);
    if (reopened !== undefined) return { write: (bytes) => writeNow(reopened, bytes) };
  }
  if (stats.isFIFO() || stats.isSocket()) return socketSink(descriptor);
  // A file has no reader to wait for.
  return { write: (bytes) => writeNow(descriptor, bytes) };
}

function reopen(descriptor: number): number | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
  try {
    return fs.openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

/** @throws {NodeJS.ErrnoException} when nobody will ever read it. */
function writeNow(descriptor: number, bytes: Buffer): number {
  try {
    return fs.writeSync(descriptor, bytes);
  } catch (error) {
    if (isToBeTriedAgain(error)) return 0;
    throw error;
  }
}

function isToBeTriedAgain(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EINTR');
}

/** One write at a time, so that no more than it waits in libuv. */
function socketSink(descriptor: number): NonBlockingSink {
  const socket = new Socket({ fd: descriptor, readable: false, writable: true }).unref();
  socket.on('error', () => undefined);
  return {
    write: (bytes) => {
      if (socket.destroyed) throw new Error('nobody reads');
      if (socket.writableLength > 0) return 0;
      socket.write(bytes);
      return bytes.length;
    },
  };
}
