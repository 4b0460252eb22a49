import { Counts } from './counts.ts';
import { dynamicShare } from './dynamic-share.ts';

/** A quota that holders acquire parts of, each up to its dynamic share. */
export class SharedQuota {
  readonly capacity: number;
  readonly #share: number;
  readonly #usedBy = new Counts();
  #used = 0;
  #rejected = 0;

  constructor(capacity: number, share: number) {
    this.capacity = capacity;
    this.#share = share;
  }

  get used(): number {
    return this.#used;
  }

  /** Number of times that a holder could not acquire a part. */
  get rejected(): number {
    return this.#rejected;
  }

  usedBy(holder: string): number {
    return this.#usedBy.of(holder);
  }

  /** Reports whether the holder can acquire `amount` more. */
  canAcquire(holder: string, amount = 1): boolean {
    const own = this.usedBy(holder);
    return own + amount <= dynamicShare(this.capacity, this.#used - own, this.#share);
  }

  /** @returns false if the holder cannot acquire so much. */
  acquire(holder: string, amount = 1): boolean {
    if (!this.canAcquire(holder, amount)) {
      this.#rejected += 1;
      return false;
    }
    this.#used += amount;
    this.#usedBy.add(holder, amount);
    return true;
  }

  release(holder: string, amount = 1): void {
    this.#used -= amount;
    this.#usedBy.subtract(holder, amount);
  }
}
