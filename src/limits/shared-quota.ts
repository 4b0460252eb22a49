import { dynamicShare } from './dynamic-share.js';

/** A quota that holders reserve parts of, each up to its dynamic share. */
export class SharedQuota {
  readonly capacity: number;
  readonly #share: number;
  readonly #usedBy = new Map<string, number>();
  #used = 0;

  constructor(capacity: number, share: number) {
    this.capacity = capacity;
    this.#share = share;
  }

  get used(): number {
    return this.#used;
  }

  usedBy(holder: string): number {
    return this.#usedBy.get(holder) ?? 0;
  }

  /** Reports whether the holder can reserve `amount` more. */
  canReserve(holder: string, amount: number): boolean {
    const own = this.usedBy(holder);
    return own + amount <= dynamicShare(this.capacity, this.#used - own, this.#share);
  }

  /** Reserves without a check. */
  reserve(holder: string, amount: number): void {
    this.#used += amount;
    this.#usedBy.set(holder, this.usedBy(holder) + amount);
  }

  release(holder: string, amount: number): void {
    this.#used -= amount;
    const left = this.usedBy(holder) - amount;
    if (left > 0) this.#usedBy.set(holder, left);
    else this.#usedBy.delete(holder);
  }
}
