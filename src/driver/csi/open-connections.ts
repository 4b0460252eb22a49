import type { Socket } from 'node:net';

/** What the last answers may take to reach the kernel. Only clients that stopped reading, or writing, need so long. */
const flushMs = 1000;

/**
 * The connections of a server that are open, the oldest first, and no more than a bound. grpc-js closes its sessions but
 * leaves their sockets half open until the client closes too, which a mute or frozen client never does.
 */
export class OpenConnections {
  readonly #limit: number;
  readonly #open = new Set<Socket>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * One too many makes another go: the oldest of those on which the client has never said anything, or else the oldest.
   * Refusing the newest would let clients that leak connections keep the kubelet out.
   */
  add(connection: Socket): void {
    this.#open.add(connection);
    connection.once('close', () => this.#open.delete(connection));
    // A session that is closed ends its side when all its answers are written. Nothing can come after that.
    connection.once('finish', () => connection.destroy());
    if (this.#open.size > this.#limit) this.#destroy(this.#mostDispensable(connection));
  }

  /** Waits until all are gone, whose sessions are closing. Those that take longer than a moment are cut off. */
  async untilClosed(): Promise<void> {
    const closed = [...this.#open].map(
      (connection) => new Promise<void>((resolve) => connection.once('close', () => resolve())),
    );
    const timer = setTimeout(() => this.#open.forEach((connection) => this.#destroy(connection)), flushMs);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  #mostDispensable(newest: Socket): Socket | undefined {
    const others = [...this.#open].filter((connection) => connection !== newest);
    return others.find(({ bytesRead }) => bytesRead === 0) ?? others[0];
  }

  #destroy(connection: Socket | undefined): void {
    if (connection === undefined) return;
    this.#open.delete(connection);
    connection.destroy();
  }
}
