import type { Socket } from 'node:net';
import type { SharedQuota } from '../../shared/limits/shared-quota.ts';

/** Limits the connections of clients, in total and per client address, so that one client leaves some to the others. */
export class ConnectionLimiter {
  readonly #quota: SharedQuota;
  readonly #sockets = new Set<Socket>();

  /** @param quota by client address. */
  constructor(quota: SharedQuota) {
    this.#quota = quota;
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** @returns false if there are too many; the socket is destroyed then. */
  acquire(socket: Socket): boolean {
    const client = socket.remoteAddress ?? '';
    if (!this.#quota.acquire(client)) {
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

  destroyWhere(matches: (socket: Socket) => boolean): void {
    for (const socket of this.#sockets) if (matches(socket)) socket.destroy();
  }
}
