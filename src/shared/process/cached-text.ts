/** A text that is expensive to make, cached for a time. Concurrent callers share one run. */
export class CachedText {
  readonly #make: () => Promise<string>;
  readonly #ttlMs: number;
  #made: Promise<Buffer> | undefined;
  #madeAtMs = 0;

  constructor(make: () => Promise<string>, ttlMs: number) {
    this.#make = make;
    this.#ttlMs = ttlMs;
  }

  /** Returns the cached bytes, which all callers share without a copy. A failure is not cached. */
  bytes(): Promise<Buffer> {
    if (this.#made !== undefined && performance.now() - this.#madeAtMs < this.#ttlMs) return this.#made;
    this.#madeAtMs = performance.now();
    const made = this.#make().then((text) => Buffer.from(text));
    this.#made = made;
    made.catch(() => {
      if (this.#made === made) this.#made = undefined;
    });
    return made;
  }
}
