import { Counts } from './counts.js';
import { dynamicShare } from './dynamic-share.js';

/** A quota that holders reserve parts of, each up to its dynamic share. */
export class SharedQuota {
  readonly capacity: number;
  readonly #share: number;
  readonly #usedBy = new Counts();
  #used = 0;

  constructor(capacity: number, share: number) {
    this.capacity = capacity;
    this.#share = share;
  }

  get used(): number {
    return this.#used;
  }

  usedBy(holder: string): number {
    return this.#usedBy.of(holder);
  }

  /** Reports whether the holder can reserve `amount` more. */
  canReserve(holder: string, amount: number): boolean {
    const own = this.usedBy(holder);
    return own + amount <= dynamicShare(this.capacity, this.#used - own, this.#share);
  }

  /** Reserves without a check. */
  reserve(holder: string, amount: number): void {
    this.#used += amount;
    this.#usedBy.add(holder, amount);
  }

  release(holder: string, amount: number): void {
    this.#used -= amount;
    this.#usedBy.subtract(holder, amount);
  }
}
