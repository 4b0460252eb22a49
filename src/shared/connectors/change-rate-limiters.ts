import { TokenBucket } from '../limits/token-bucket.js';
import { limits } from '../limits/defaults.js';

/** Limits the rate of changed bytes per namespace, so that one namespace's objects use a limited share of a core. */
export class ChangeRateLimiters {
  readonly #now: () => number;
  readonly #limiters = new Map<string, TokenBucket>();

  /** @param now a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  forNamespace(namespace: string): TokenBucket {
    let limiter = this.#limiters.get(namespace);
    if (limiter === undefined) {
      limiter = new TokenBucket(limits.objects.changes, this.#now);
      this.#limiters.set(namespace, limiter);
    }
    return limiter;
  }

  /** Drops limiters that are full. A watch that uses one keeps it. */
  sweep(): void {
    for (const [namespace, limiter] of this.#limiters) if (limiter.isFull) this.#limiters.delete(namespace);
  }
}
