import { BoundedMap } from './bounded-map.js';
import { TokenBucket } from './token-bucket.js';
import type { TokenBucketOptions } from './token-bucket.js';

/** Operations of one client. */
export interface ClientRateLimits extends TokenBucketOptions {
  /** Longest delay of an operation, milliseconds. */
  readonly longestMs: number;
  /** Limit of tracked clients. */
  readonly clients: number;
}

/** Limits the rate of an operation per client by delaying it. */
export class ClientRateLimiter {
  readonly #limits: ClientRateLimits;
  readonly #now: () => number;
  readonly #buckets: BoundedMap<string, TokenBucket>;

  /** @param now a monotonic clock in milliseconds. */
  constructor(limits: ClientRateLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#buckets = new BoundedMap(limits.clients);
  }

  /** Counts an operation. @returns milliseconds that it must wait for. */
  take(client: string): number {
    const bucket = this.#buckets.get(client) ?? new TokenBucket(this.#limits, this.#now);
    this.#buckets.set(client, bucket);
    const delayMs = bucket.delayMs(1);
    const { longestMs } = this.#limits;
    // Clients that leave instead of waiting must not delay others at their address for longer.
    if (delayMs >= longestMs) return longestMs;
    bucket.consume(1);
    return delayMs;
  }
}
