import v8 from 'node:v8';
import vm from 'node:vm';

export interface MemoryKeeperOptions {
  /** Gives the kernel back what the process does not need at rest (host/memory-release.ts). */
  readonly release: () => void;
  /** Calls being served now, and all that have been. */
  readonly calls: () => { readonly inFlight: number; readonly total: number };
  /** Memory that is the process's alone: a release must not be called for by pages that it has unmapped itself. */
  readonly ownBytes: () => number;
  readonly checkMs: number;
}

/**
 * Growth since the last collection that is worth a pause of some 20 ms: after a second without a call, between two
 * calls, and at once.
 */
const growthBytes = { idle: 2 * 2 ** 20, between: 6 * 2 ** 20, busy: 16 * 2 ** 20 } as const;

/**
 * Keeps a process that is on every node of a cluster small. V8 lets a heap grow long before it collects, and grows its
 * young generation under load for good; for a driver that sleeps most of the time both cost memory and gain nothing.
 * So the young generation is held small (.ci/bundle.mjs sets that before anything else), and what a burst leaves behind
 * is collected soon after it, and given back with the pages that only the start has needed.
 */
export class MemoryKeeper {
  readonly #options: MemoryKeeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #collect: (() => void) | undefined;
  /** Own memory after the last collection. */
  #baseBytes = 0;
  #seenCalls = 0;

  constructor(options: MemoryKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    v8.setFlagsFromString('--expose-gc');
    const gc: unknown = vm.runInNewContext('gc');
    if (typeof gc === 'function') this.#collect = () => void Reflect.apply(gc, undefined, []);
    this.#timer = setInterval(() => this.#check(), this.#options.checkMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    const pace = this.#pace();
    if (this.#options.ownBytes() - this.#baseBytes >= growthBytes[pace]) this.#release(pace);
  }

  /**
   * Only at rest are the survivors moved together, which takes twice as long: without it pages of the heap that hold a few
   * objects each add up from burst to burst.
   */
  #release(pace: keyof typeof growthBytes): void {
    if (pace === 'idle') v8.setFlagsFromString('--compact-on-every-full-gc');
    this.#collect?.();
    v8.setFlagsFromString('--no-compact-on-every-full-gc');
    this.#options.release();
    this.#baseBytes = this.#options.ownBytes();
  }

  #pace(): keyof typeof growthBytes {
    const { inFlight, total } = this.#options.calls();
    const hadCalls = total !== this.#seenCalls;
    this.#seenCalls = total;
    if (inFlight > 0) return 'busy';
    return hadCalls ? 'between' : 'idle';
  }
}
