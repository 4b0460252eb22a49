import type { Socket } from 'node:net';
import { fairLimit } from '../../load/fair-limit.js';

export interface ConnectionBounds {
  readonly total: number;
  /** By the client's address. */
  readonly perClient: number;
  /** How much of what the others leave may be one client's, so that each who comes finds something. */
  readonly share: number;
}

/** Who is connected. One too many of a client is refused, so that one client cannot take the room of the others. */
export class Connections {
  readonly #bounds: ConnectionBounds;
  readonly #sockets = new Set<Socket>();
  readonly #perClient = new Map<string, number>();
  readonly #refused = { all: 0, client: 0 };

  constructor(bounds: ConnectionBounds) {
    this.#bounds = bounds;
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** Connections that were refused so far, by the bound that they were one too many for. */
  get refused(): Readonly<Record<'all' | 'client', number>> {
    return this.#refused;
  }

  /** @returns false when there is no room; the socket is destroyed then. */
  admit(socket: Socket): boolean {
    const client = socket.remoteAddress ?? '';
    const ofClient = this.#perClient.get(client) ?? 0;
    const { total, perClient, share } = this.#bounds;
    const isFull = ofClient + 1 > fairLimit(total, this.#sockets.size - ofClient, share);
    if (isFull || ofClient >= perClient) {
      this.#refused[isFull ? 'all' : 'client'] += 1;
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
