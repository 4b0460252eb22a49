export interface TokenBucketOptions {
  /** Tokens of a full bucket. */
  readonly burst: number;
  /** Milliseconds for one more token. */
  readonly everyMs: number;
}

/** A token bucket that can be overdrawn, for costs that are known only afterwards. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  readonly #now: () => number;
  #tokens: number;
  #asOfMs: number;

  /** @param now a monotonic clock in milliseconds. */
  constructor(options: TokenBucketOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
    this.#tokens = options.burst;
    this.#asOfMs = now();
  }

  /** Takes a token. @returns false if there is none. */
  tryTake(): boolean {
    if (this.delayMs(1) > 0) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes tokens, and overdraws the bucket if necessary. */
  consume(tokens: number): void {
    this.#fill();
    this.#tokens -= tokens;
  }

  /** Returns tokens of an operation that did not happen. */
  refund(tokens: number): void {
    this.consume(-tokens);
  }

  /** Returns the milliseconds until the bucket has so many tokens; for 0, until it is no longer overdrawn. */
  delayMs(tokens: number): number {
    this.#fill();
    return Math.max(0, (tokens - this.#tokens) * this.#options.everyMs);
  }

  /** Whether the bucket is full, so that it can be dropped. */
  get isFull(): boolean {
    this.#fill();
    return this.#tokens >= this.#options.burst;
  }

  #fill(): void {
    const nowMs = this.#now();
    const { burst, everyMs } = this.#options;
    this.#tokens = Math.min(burst, this.#tokens + (nowMs - this.#asOfMs) / everyMs);
    this.#asOfMs = nowMs;
  }
}
