import type { Duplex } from 'node:stream';

/** A record of TLS. */
const recordBytes = 16 * 1024;
/** Clients that get much of it. */
const generousSockets = 32;

/**
 * What a connection may have read, or not yet written, before the other side has to wait: for whoever makes a socket. A
 * record of TLS is all that Node 20 lets wait: each would be a turn of reading, stopping and writing of its own.
 * Node 22 has 64 KiB of itself.
 */
export const streamBuffer = { highWaterMark: 4 * recordBytes } as const;

/**
 * The buffers of clients: where many share the processors, each gets no more than a turn's worth. Connections to tools are
 * used by one client after the other, and always have all of it.
 */
export class ClientBuffers {
  #open = 0;

  /** For the next client. */
  get next(): { readonly highWaterMark: number } {
    return this.#open < generousSockets ? streamBuffer : { highWaterMark: recordBytes };
  }

  /** To be told of every socket that was made with `next`. */
  count(socket: Duplex): void {
    this.#open += 1;
    socket.once('close', () => (this.#open -= 1));
  }
}
