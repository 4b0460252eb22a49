/** The keys that were added last, up to a number: what is beyond it is forgotten, the oldest first. */
export class RecentKeys {
  readonly #keys = new Set<string>();
  readonly #maxCount: number;

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  delete(key: string): void {
    this.#keys.delete(key);
  }

  /** @returns false when the key was there already. */
  add(key: string): boolean {
    const isNew = !this.#keys.delete(key);
    this.#keys.add(key);
    const [oldest] = this.#keys;
    if (this.#keys.size > this.#maxCount && oldest !== undefined) this.#keys.delete(oldest);
    return isNew;
  }
}
