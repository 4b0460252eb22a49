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
  /** Open connections, by `namespace NAMESPACE` of their last authenticated request; before that, `address ADDRESS`. */
  readonly #connections = new Map<Socket, { holder: string; isBusy: boolean }>();
  /** Those without an authenticated request in flight. Others are left out when they are found here. */
  readonly #closable = new BoundedMap<Socket, Socket>(Infinity);

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get used(): number {
    return this.#connections.size;
  }

  /** Connections that were closed because there were too many. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @returns false if there are too many; the socket is destroyed then. */
  acquire(socket: Socket): boolean {
    if (this.used >= this.capacity) {
      this.#rejected += 1;
      let oldest = this.#closable.evict();
      while (oldest !== undefined && this.#connections.get(oldest)?.isBusy === true) oldest = this.#closable.evict();
      (oldest ?? socket).destroy();
      if (oldest === undefined) return false;
      this.#connections.delete(oldest);
    }
    this.#connections.set(socket, { holder: this.holderOf(socket), isBusy: false });
    this.release(socket);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#closable.delete(socket);
    });
    return true;
  }

  holderOf(socket: Socket): string {
    return this.#connections.get(socket)?.holder ?? `address ${socket.remoteAddress ?? ''}`;
  }

  /** Keeps a connection open while it has an authenticated request. */
  retain(socket: Socket, holder: string): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.isBusy = true;
    if (connection.holder !== holder) this.#closable.set(socket, socket, holder);
    connection.holder = holder;
  }

  /** Records that a connection has no request in flight. */
  release(socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return;
    connection.isBusy = false;
    if (!this.#closable.has(socket)) this.#closable.set(socket, socket, connection.holder);
  }

  destroyWhere(matches: (socket: Socket) => boolean): void {
    for (const socket of this.#connections.keys()) if (matches(socket)) socket.destroy();
  }
}
