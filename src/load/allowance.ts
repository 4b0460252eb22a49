export interface AllowanceOptions {
  /** How many may be taken in one go after a quiet time. */
  readonly burst: number;
  /** Milliseconds in which one more comes. */
  readonly everyMs: number;
}

/** How often something may be done: so many times in one go, and then so often (a token bucket). */
export class Allowance {
  readonly #options: AllowanceOptions;
  readonly #now: () => number;
  #left: number;
  #asOfMs: number;

  /** @param now a clock in milliseconds that is never set. */
  constructor(options: AllowanceOptions, now: () => number) {
    this.#options = options;
    this.#now = now;
    this.#left = options.burst;
    this.#asOfMs = now();
  }

  /** Whether it may be done once more; then that is one less. */
  take(): boolean {
    this.#fill();
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** Milliseconds until `take` succeeds. */
  waitMs(): number {
    this.#fill();
    return Math.max(0, (1 - this.#left) * this.#options.everyMs);
  }

  #fill(): void {
    const nowMs = this.#now();
    const { burst, everyMs } = this.#options;
    this.#left = Math.min(burst, this.#left + (nowMs - this.#asOfMs) / everyMs);
    this.#asOfMs = nowMs;
  }
}
