import { BoundedMap } from './bounded-map.ts';
import { TokenBucket } from './token-bucket.ts';
import type { TokenRate } from './token-bucket.ts';

export interface TokenBucketsLimits extends TokenRate {
  /** Limit of the keys, 4096 by default. Beyond it, the bucket that was used least recently is dropped. */
  readonly keys?: number;
}

/** Token buckets by key, such as a pod or an address. */
export class TokenBuckets {
  readonly #rate: TokenRate;
  readonly #now: () => number;
  readonly #buckets: BoundedMap<TokenBucket>;

  /** @param now a monotonic clock in milliseconds. */
  constructor(limits: TokenBucketsLimits, now: () => number) {
    this.#rate = limits;
    this.#now = now;
    this.#buckets = new BoundedMap(limits.keys ?? 4096);
  }

  /** Returns the bucket of a key. @param rate of a key that has one of its own. */
  of(key: string, rate = this.#rate): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, this.#now);
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
