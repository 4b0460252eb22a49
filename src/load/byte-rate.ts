export interface ByteRateOptions {
  readonly bytesPerSecond: number;
  /** What may come in one go after a quiet time. */
  readonly burstBytes: number;
  /** A clock in milliseconds that is never set. */
  readonly now: () => number;
}

/** How fast bytes may come. What has come already may be more: that is a debt, which time pays off. */
export class ByteRate {
  readonly #options: ByteRateOptions;
  #balanceBytes: number;
  #asOfMs: number;

  constructor(options: ByteRateOptions) {
    this.#options = options;
    this.#balanceBytes = options.burstBytes;
    this.#asOfMs = options.now();
  }

  spend(bytes: number): void {
    this.#balanceBytes = this.#balance() - bytes;
  }

  /** Milliseconds until the debt is paid off; 0 when there is none. */
  get waitMs(): number {
    return Math.max(0, (-this.#balance() / this.#options.bytesPerSecond) * 1000);
  }

  /** Whether nothing is left to remember. */
  get isFull(): boolean {
    return this.#balance() >= this.#options.burstBytes;
  }

  #balance(): number {
    const { bytesPerSecond, burstBytes, now } = this.#options;
    const nowMs = now();
    const earned = ((nowMs - this.#asOfMs) / 1000) * bytesPerSecond;
    this.#asOfMs = nowMs;
    this.#balanceBytes = Math.min(burstBytes, this.#balanceBytes + earned);
    return this.#balanceBytes;
  }
}
