export interface TokenBucketOptions {
  /** Tokens that are there at first and after a quiet time. */
  readonly burst: number;
  /** Milliseconds in which one more comes. */
  readonly everyMs: number;
}

/** A token bucket. What has been done already can cost more than there is: that is a debt, which time pays off. */
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

  /** Takes tokens, whether they are there or not. */
  consume(tokens: number): void {
    this.#fill();
    this.#tokens -= tokens;
  }

  /** Puts tokens back that were taken for nothing. */
  giveBack(tokens: number): void {
    this.consume(-tokens);
  }

  /** Milliseconds until so many tokens are there. With 0, until a debt is paid off. */
  delayMs(tokens: number): number {
    this.#fill();
    return Math.max(0, (tokens - this.#tokens) * this.#options.everyMs);
  }

  /** Whether it is as good as new. */
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
