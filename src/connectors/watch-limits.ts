/** How much is kept of the API server's objects, and for how long. */
export interface WatchLimits {
  /** Milliseconds that an object stays watched after its last use, since the next pod of a pipeline is often near. */
  readonly idleMs: number;
  /** Milliseconds between the looks for such objects. */
  readonly sweepMs: number;
  /** Objects of one kind that are watched at once; beyond it the unused go first. */
  readonly maxCount: number;
  /** What the objects of all kinds may take in memory, by the estimate. */
  readonly maxBytes: number;
}

/** As `serve` has them, beside what flags say. */
export const watchTimes: Pick<WatchLimits, 'idleMs' | 'sweepMs'> = { idleMs: 5 * 60_000, sweepMs: 60_000 };
