/** Counts by key. A key whose count falls to 0 is removed, so that keys do not accumulate. */
export class Counts {
  readonly #counts = new Map<string, number>();

  /** Number of keys with a count. */
  get size(): number {
    return this.#counts.size;
  }

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  entries(): Iterable<readonly [key: string, count: number]> {
    return this.#counts;
  }

  add(key: string, amount = 1): void {
    this.#counts.set(key, this.of(key) + amount);
  }

  subtract(key: string, amount = 1): void {
    const left = this.of(key) - amount;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}
