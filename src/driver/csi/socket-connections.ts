import type { Socket } from 'node:net';

/** What the last answers may take to reach the kernel. Only clients that stopped reading, or writing, need so long. */
const flushMs = 1000;

/**
 * The open connections of a server. grpc-js closes its sessions but leaves their sockets half open until the client closes
 * too, which a mute or frozen client never does.
 */
export class SocketConnections {
  readonly #open = new Set<Socket>();

  get count(): number {
    return this.#open.size;
  }

  add(connection: Socket): void {
    this.#open.add(connection);
    connection.once('close', () => this.#open.delete(connection));
    // A session that is closed ends its side when all its answers are written. Nothing can come after that.
    connection.once('finish', () => connection.destroy());
  }

  /** Waits until all are gone, whose sessions are closing. Those that take longer than a moment are cut off. */
  async untilClosed(): Promise<void> {
    const open = [...this.#open];
    const closed = open.map((connection) => new Promise<void>((resolve) => connection.once('close', () => resolve())));
    const timer = setTimeout(() => open.forEach((connection) => connection.destroy()), flushMs);
    await Promise.all(closed);
    clearTimeout(timer);
  }
}
