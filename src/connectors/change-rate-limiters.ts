import { TokenBucket } from '../limits/token-bucket.js';
import { limits } from '../limits/defaults.js';

/** How fast objects may change, by whose they are: all of a namespace together cost a bounded share of a core. */
export class ChangeRateLimiters {
  readonly #now: () => number;
  readonly #paces = new Map<string, TokenBucket>();

  /** @param now a clock in milliseconds that is never set. */
  constructor(now: () => number) {
    this.#now = now;
  }

  forNamespace(holder: string): TokenBucket {
    let pace = this.#paces.get(holder);
    if (pace === undefined) {
      pace = new TokenBucket(limits.objects.changes, this.#now);
      this.#paces.set(holder, pace);
    }
    return pace;
  }

  /** Forgets who has been quiet. Who still holds a pace keeps it, as good as new. */
  sweep(): void {
    for (const [holder, pace] of this.#paces) if (pace.isFull) this.#paces.delete(holder);
  }
}
