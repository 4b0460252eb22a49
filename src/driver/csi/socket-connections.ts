import type { Socket } from 'node:net';

/**
 * Time in milliseconds for the last responses to reach the kernel. Only clients that stopped reading or writing need
 * it.
 */
const flushMs = 1000;

/**
 * The open connections of a server. grpc-js closes its sessions but leaves their sockets half open until the client
 * closes too, which a mute or frozen client never does.
 */
export class SocketConnections {
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
