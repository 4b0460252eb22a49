import { DriverError } from '../../errors.js';

/** Milliseconds after which the kubelet has given up whatever it asked before: two minutes, and some to be heard. */
const keptMs = 150_000;

interface Call {
  readonly connection: number;
  readonly atMs: number;
}

/**
 * Calls that were overtaken by a later one for their volume. The kubelet makes a connection for every call, and what comes
 * on two of them at once may be read in either order, also what the kubelet has given up and followed by another call: a
 * mount would then be left for ever, or taken away from a pod that runs. Which came first is told by the numbers of the
 * connections, which were accepted in the order in which they were made.
 */
export class LateCalls {
  readonly #now: () => number;
  /** By volume id, the oldest first. */
  readonly #published = new Map<string, Call>();
  readonly #unpublished = new Map<string, Call>();

  /** @param now a clock in milliseconds that is never set. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * To be called when a publish is about to be tried, which may be a while after it was read (see FailurePace).
   * @param peer its connection, see OpenConnections.
   * @throws {DriverError} ABORTED when it was made before an unpublish of the same volume that has been read.
   */
  publish(volumeId: string, peer: string): void {
    this.#ensureNotAfter(this.#unpublished, volumeId, peer, 'unpublished');
    this.#note(this.#published, volumeId, peer);
  }

  /** The same for an unpublish. @throws {DriverError} ABORTED when it was made before a publish that has been read. */
  unpublish(volumeId: string, peer: string): void {
    this.#ensureNotAfter(this.#published, volumeId, peer, 'published');
    this.#note(this.#unpublished, volumeId, peer);
  }

  #ensureNotAfter(calls: Map<string, Call>, volumeId: string, peer: string, done: string): void {
    this.#forgetOld(calls);
    const later = calls.get(volumeId);
    if (later === undefined || numberOf(peer) >= later.connection) return;
    throw new DriverError('ABORTED', `the volume has been ${done} since this call was made`);
  }

  #note(calls: Map<string, Call>, volumeId: string, peer: string): void {
    this.#forgetOld(calls);
    calls.delete(volumeId);
    const connection = numberOf(peer);
    if (connection !== Infinity) calls.set(volumeId, { connection, atMs: this.#now() });
  }

  #forgetOld(calls: Map<string, Call>): void {
    const fromMs = this.#now() - keptMs;
    for (const [volumeId, { atMs }] of calls) {
      if (atMs >= fromMs) return;
      calls.delete(volumeId);
    }
  }
}

/** Infinity, which is late for nothing, for a peer that is no connection of ours. */
function numberOf(peer: string): number {
  return Number(/(?<=^connection-)\d+$/.exec(peer)?.[0] ?? Infinity);
}
