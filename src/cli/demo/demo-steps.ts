import { indent } from './volume-text.js';

/** Tells of each step with its number and what it took. */
export class DemoSteps {
  readonly #write: (text: string) => void;
  #count = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /**
   * @param what the step in words.
   * @param tell what is to be said of its result, indented below.
   */
  async play<T>(what: string, work: () => Promise<T> | T, tell?: (result: T) => string): Promise<T> {
    const startMs = performance.now();
    const result = await work();
    this.#count += 1;
    this.#write(`${this.#count}. ${what} (${(performance.now() - startMs).toFixed(1)} ms)\n`);
    if (tell !== undefined) this.#write(indent(tell(result)));
    return result;
  }

  /** Text that belongs to no step. */
  say(text: string): void {
    this.#write(text);
  }
}
