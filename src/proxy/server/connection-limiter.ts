import type { Socket } from 'node:net';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';

/**
 * Limits the connections of clients. If there are too many, one without an authenticated request in flight is closed: the
 * oldest of the client address, or namespace, that has most of them. So addresses that send nothing, and namespaces with any
 * number of pods, leave connections to others.
 */
export class ConnectionLimiter {
  readonly capacity: number;
  #rejected = 0;
  /** Open connections, by the namespace of their last authenticated request; before that, by client address. */
  readonly #holders = new Map<Socket, string>();
  /** Those without an authenticated request in flight. */
  readonly #closable = new BoundedMap<Socket, Socket>(Infinity);

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get used(): number {
    return this.#holders.size;
  }

  /** Connections that were closed because there were too many. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @returns false if there are too many; the socket is destroyed then. */
  acquire(socket: Socket): boolean {
    if (this.used >= this.capacity) {
      this.#rejected += 1;
      const oldest = this.#closable.evict();
      (oldest ?? socket).destroy();
      if (oldest === undefined) return false;
      this.#holders.delete(oldest);
    }
    this.#holders.set(socket, socket.remoteAddress ?? '');
    this.release(socket);
    socket.once('close', () => {
      this.#holders.delete(socket);
      this.#closable.delete(socket);
    });
    return true;
  }

  /** Keeps a connection open while it has an authenticated request. */
  retain(socket: Socket, namespace: string): void {
    if (!this.#holders.has(socket)) return;
    this.#holders.set(socket, namespace);
    this.#closable.delete(socket);
  }

  /** Records that a connection has no request in flight. */
  release(socket: Socket): void {
    const holder = this.#holders.get(socket);
    if (holder !== undefined) this.#closable.set(socket, socket, holder);
  }

  destroyWhere(matches: (socket: Socket) => boolean): void {
    for (const socket of this.#holders.keys()) if (matches(socket)) socket.destroy();
  }
}
