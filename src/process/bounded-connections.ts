import type { Socket } from 'node:net';

/**
 * The connections of a port that anybody on a network may reach, each address with no more than its share. One too many
 * makes another go: the oldest of the address that has the most. Refusing the newest, or taking just the oldest, would
 * let one pod keep the kubelet's probes out, and have the process restarted.
 */
export class BoundedConnections {
  readonly #limit: number;
  /** By remote address, the oldest first. */
  readonly #byAddress = new Map<string, Set<Socket>>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(connection: Socket): void {
    // Undefined for one that has gone already.
    const address = connection.remoteAddress ?? '';
    const ofAddress = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, ofAddress.add(connection));
    this.#count += 1;
    connection.once('close', () => this.#remove(address, connection));
    if (this.#count > this.#limit) this.#makeRoom();
  }

  destroyAll(): void {
    for (const ofAddress of this.#byAddress.values()) for (const connection of ofAddress) connection.destroy();
  }

  #makeRoom(): void {
    let most: readonly [string, Set<Socket>] | undefined;
    for (const entry of this.#byAddress) if (entry[1].size > (most?.[1].size ?? 0)) most = entry;
    const [oldest] = most?.[1] ?? [];
    if (most === undefined || oldest === undefined) return;
    this.#remove(most[0], oldest);
    oldest.destroy();
  }

  #remove(address: string, connection: Socket): void {
    const ofAddress = this.#byAddress.get(address);
    if (ofAddress?.delete(connection) !== true) return;
    this.#count -= 1;
    if (ofAddress.size === 0) this.#byAddress.delete(address);
  }
}
