import type { Socket } from 'node:net';
import { fairLimit } from './fair-limit.js';

export interface ConnectionLimits {
  readonly total: number;
  /** Largest part of the total minus the others' connections that one client address can have. */
  readonly share: number;
}

/** Limits the connections of clients, in total and per client address, so that one client leaves some to the others. */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #sockets = new Set<Socket>();
  readonly #perClient = new Map<string, number>();
  #rejected = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** Connections that have been closed at once so far. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @returns false if there are too many; the socket is destroyed then. */
  admit(socket: Socket): boolean {
    const client = socket.remoteAddress ?? '';
    const ofClient = this.#perClient.get(client) ?? 0;
    const { total, share } = this.#limits;
    if (ofClient + 1 > fairLimit(total, this.#sockets.size - ofClient, share)) {
      this.#rejected += 1;
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    this.#perClient.set(client, ofClient + 1);
    socket.once('close', () => this.#release(socket, client));
    return true;
  }

  destroyAll(): void {
    this.destroyWhere(() => true);
  }

  destroyWhere(isMeant: (socket: Socket) => boolean): void {
    for (const socket of this.#sockets) if (isMeant(socket)) socket.destroy();
  }

  #release(socket: Socket, client: string): void {
    this.#sockets.delete(socket);
    const left = (this.#perClient.get(client) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(client);
    else this.#perClient.set(client, left);
  }
}
