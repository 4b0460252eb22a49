import { BoundedMap } from './bounded-map.ts';

/** The rate of a token bucket. */
export interface TokenRate {
  /** Tokens of a full bucket. */
  readonly burst: number;
  /** Milliseconds for one more token. */
  readonly everyMs: number;
}

/** A token bucket that can be overdrawn, for costs that are known only afterwards. */
export class TokenBucket {
  readonly #rate: TokenRate;
  readonly #now: () => number;
  #tokens: number;
  #asOfMs: number;

  /** @param now a monotonic clock in milliseconds. */
  constructor(rate: TokenRate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
    this.#tokens = rate.burst;
    this.#asOfMs = now();
  }

  /** Acquires a token. @returns false if there is none. */
  acquire(): boolean {
    if (this.delayMs(1) > 0) return false;
    this.#tokens -= 1;
    return true;
  }

  /**
   * Acquires a token that is not there yet, unless that would take `longestMs`. So clients that leave instead of waiting
   * do not delay others with the same bucket for longer.
   * @returns the milliseconds until it is there, at most `longestMs`.
   */
  acquireLater(longestMs: number): number {
    const delayMs = this.delayMs(1);
    if (delayMs >= longestMs) return longestMs;
    this.#tokens -= 1;
    return delayMs;
  }

  /** Charges tokens, and overdraws the bucket if necessary. */
  charge(tokens: number): void {
    this.#fill();
    this.#tokens -= tokens;
  }

  /** Returns the milliseconds until the bucket has so many tokens; for 0, until it is no longer overdrawn. */
  delayMs(tokens: number): number {
    this.#fill();
    return Math.max(0, (tokens - this.#tokens) * this.#rate.everyMs);
  }

  #fill(): void {
    const nowMs = this.#now();
    const { burst, everyMs } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#asOfMs) / everyMs);
    this.#asOfMs = nowMs;
  }
}

/** Token buckets by key, such as a pod or an address. Of more than 4096, the one that was used least recently is dropped. */
export class TokenBuckets {
  readonly #rate: TokenRate;
  readonly #now: () => number;
  readonly #buckets = new BoundedMap<TokenBucket>(4096);

  /** @param now a monotonic clock in milliseconds. */
  constructor(rate: TokenRate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Returns the bucket of a key. @param rate of a key that has one of its own. */
  of(key: string, rate = this.#rate): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, this.#now);
    this.#buckets.set(key, bucket);
    return bucket;
  }
}
