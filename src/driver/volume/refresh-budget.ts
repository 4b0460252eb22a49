/** Milliseconds of work, and milliseconds of work for each millisecond that passes. */
export interface RefreshBudgetLimits {
  readonly burstMs: number;
  readonly share: number;
}

/**
 * How much work may go into what nobody has asked for: as much as a change of a full node's volumes takes, at once, and
 * then a share of the time, however often somebody edits an object.
 */
export class RefreshBudget {
  readonly #limits: RefreshBudgetLimits;
  readonly #now: () => number;
  #leftMs: number;
  #countedAtMs: number;

  /** @param now a clock in milliseconds that is never set. */
  constructor(limits: RefreshBudgetLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#leftMs = limits.burstMs;
    this.#countedAtMs = now();
  }

  spend(workMs: number): void {
    this.#count();
    this.#leftMs -= workMs;
  }

  /** Milliseconds until there is something left; 0 when there is now. */
  get waitMs(): number {
    this.#count();
    return this.#leftMs > 0 ? 0 : Math.ceil(-this.#leftMs / this.#limits.share) + 1;
  }

  #count(): void {
    const nowMs = this.#now();
    const { burstMs, share } = this.#limits;
    this.#leftMs = Math.min(burstMs, this.#leftMs + (nowMs - this.#countedAtMs) * share);
    this.#countedAtMs = nowMs;
  }
}
