/** A text that takes work to make: made at most once in a while, and once however many ask at the same time. */
export class CachedText {
  readonly #make: () => Promise<string>;
  readonly #forMs: number;
  #made: Promise<Buffer> | undefined;
  #madeAtMs = 0;

  constructor(make: () => Promise<string>, forMs: number) {
    this.#make = make;
    this.#forMs = forMs;
  }

  /** The same bytes for all who ask, to be sent without a copy. A failure is not kept. */
  bytes(): Promise<Buffer> {
    if (this.#made !== undefined && performance.now() - this.#madeAtMs < this.#forMs) return this.#made;
    this.#madeAtMs = performance.now();
    const made = this.#make().then((text) => Buffer.from(text));
    this.#made = made;
    made.catch(() => {
      if (this.#made === made) this.#made = undefined;
    });
    return made;
  }
}
