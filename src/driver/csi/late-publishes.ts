import { DriverError } from '../../errors.js';

/** Milliseconds after which the kubelet has given up whatever it asked before: two minutes, and some to be heard. */
const keptMs = 150_000;

interface Unpublished {
  readonly connection: number;
  readonly atMs: number;
}

/**
 * Publishes that were overtaken by the unpublish of their volume. The kubelet makes a connection for every call, and what
 * comes on two of them at once may be read in either order, also what the kubelet has given up and followed by an
 * unpublish: a mount would then be left for ever. Which came first is told by the numbers of the connections, which were
 * accepted in the order in which they were made.
 */
export class LatePublishes {
  readonly #now: () => number;
  /** By volume id, the oldest first. */
  readonly #unpublished = new Map<string, Unpublished>();

  /** @param now a clock in milliseconds that is never set. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** To be called as soon as an unpublish is read. @param peer its connection, see OpenConnections. */
  unpublished(volumeId: string, peer: string): void {
    this.#forgetOld();
    this.#unpublished.delete(volumeId);
    this.#unpublished.set(volumeId, { connection: numberOf(peer), atMs: this.#now() });
  }

  /** @throws {DriverError} ABORTED for a publish that was made before an unpublish of the same volume that has been read. */
  ensureInTime(volumeId: string, peer: string): void {
    this.#forgetOld();
    const later = this.#unpublished.get(volumeId);
    if (later === undefined || numberOf(peer) >= later.connection) return;
    throw new DriverError('ABORTED', 'the volume has been unpublished since this call was made');
  }

  #forgetOld(): void {
    const fromMs = this.#now() - keptMs;
    for (const [volumeId, { atMs }] of this.#unpublished) {
      if (atMs >= fromMs) return;
      this.#unpublished.delete(volumeId);
    }
  }
}

/** Infinity, which is late for nothing, for a peer that is no connection of ours. */
function numberOf(peer: string): number {
  return Number(/(?<=^connection-)\d+$/.exec(peer)?.[0] ?? Infinity);
}
