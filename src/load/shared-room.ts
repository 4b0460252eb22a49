import { fairLimit } from './fair-limit.js';

/** A room that holders fill with different amounts, none more than its share of what the others leave. */
export class SharedRoom {
  readonly capacity: number;
  readonly #share: number;
  readonly #held = new Map<string, number>();
  #used = 0;

  constructor(capacity: number, share: number) {
    this.capacity = capacity;
    this.#share = share;
  }

  get used(): number {
    return this.#used;
  }

  heldBy(holder: string): number {
    return this.#held.get(holder) ?? 0;
  }

  /** Whether there is room for so much more of the holder's. */
  hasRoomFor(holder: string, amount: number): boolean {
    const held = this.heldBy(holder);
    return held + amount <= fairLimit(this.capacity, this.#used - held, this.#share);
  }

  /** Without regard to what there is room for. */
  take(holder: string, amount: number): void {
    this.#used += amount;
    this.#held.set(holder, this.heldBy(holder) + amount);
  }

  give(holder: string, amount: number): void {
    this.#used -= amount;
    const left = this.heldBy(holder) - amount;
    if (left > 0) this.#held.set(holder, left);
    else this.#held.delete(holder);
  }
}
