/** Limits of cached objects of the API server. */
export interface WatchLimits {
  /**
   * Milliseconds that an object stays watched after its last use, because the next pod of a pipeline often follows
   * soon.
   */
  readonly idleMs: number;
  /** Milliseconds between the checks for unused objects. */
  readonly sweepMs: number;
  /** Maximum number of watched objects of one kind. Unused ones are evicted first. */
  readonly maxCount: number;
  /** Limit of the estimated memory of all cached objects. */
  readonly maxBytes: number;
}

/** Times of `serve`. Flags set the other limits. */
export const watchTimes: Pick<WatchLimits, 'idleMs' | 'sweepMs'> = { idleMs: 5 * 60_000, sweepMs: 60_000 };
