import type { Socket } from 'node:net';
import { SharedQuota } from '../../shared/limits/shared-quota.js';

export interface ConnectionLimits {
  readonly total: number;
  /** Largest part of the total minus the others' connections that one client address can have. */
  readonly share: number;
}

/** Limits the connections of clients, in total and per client address, so that one client leaves some to the others. */
export class ConnectionLimiter {
  /** By client address. */
  readonly #quota: SharedQuota;
  readonly #sockets = new Set<Socket>();
  #rejected = 0;

  constructor({ total, share }: ConnectionLimits) {
    this.#quota = new SharedQuota(total, share);
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** Number of connections that were closed because of a limit. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @returns false if there are too many; the socket is destroyed then. */
  acquire(socket: Socket): boolean {
    const client = socket.remoteAddress ?? '';
    if (!this.#quota.acquire(client)) {
      this.#rejected += 1;
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#quota.release(client);
    });
    return true;
  }

  destroyAll(): void {
    this.destroyWhere(() => true);
  }

  destroyWhere(matches: (socket: Socket) => boolean): void {
    for (const socket of this.#sockets) if (matches(socket)) socket.destroy();
  }
}
