import fs from 'node:fs';
import { Socket } from 'node:net';

/** A destination for bytes that never waits for its reader. */
export interface NonBlockingSink {
  /** Writes as many bytes as the reader has capacity for. @returns how many, down to 0. */
  readonly write: (bytes: Buffer) => number;
}

/**
 * Returns a sink whose writes to a descriptor fail instead of block. The flag for that belongs to the open file. A
 * terminal or pipe shares it with other processes that may rely on blocking, so it is opened again. A socket cannot be
 * opened again; libuv sets the flag there, as for every socket of a Node process.
 */
export function nonBlockingSink(descriptor: number): NonBlockingSink {
  const stats = fs.fstatSync(descriptor);
  if (stats.isFIFO() || stats.isCharacterDevice()) {
    const reopened = reopen(descriptor);
    if (reopened !== undefined) return { write: (bytes) => writeNow(reopened, bytes) };
  }
  if (stats.isFIFO() || stats.isSocket()) return socketSink(descriptor);
  // A file has no reader that could block.
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

/** @throws {NodeJS.ErrnoException} if the bytes can never be written. */
function writeNow(descriptor: number, bytes: Buffer): number {
  try {
    return fs.writeSync(descriptor, bytes);
  } catch (error) {
    if (isRetryable(error)) return 0;
    throw error;
  }
}

function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EINTR');
}

/** Accepts a write only after the previous one has ended, so that libuv buffers at most one. */
function socketSink(descriptor: number): NonBlockingSink {
  const socket = new Socket({ fd: descriptor, readable: false, writable: true }).unref();
  socket.on('error', () => undefined);
  return {
    write: (bytes) => {
      if (socket.destroyed) throw new Error('the reader is gone');
      if (socket.writableLength > 0) return 0;
      socket.write(bytes);
      return bytes.length;
    },
  };
}
