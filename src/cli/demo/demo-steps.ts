import { indent } from './volume-text.js';

/** Prints each step with its number and duration. */
export class DemoSteps {
  readonly #write: (text: string) => void;
  #count = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /**
   * Runs a step and prints it.
   * @param what the step in words.
   * @param describe returns the text for its result, printed indented.
   */
  async play<T>(what: string, work: () => Promise<T> | T, describe?: (result: T) => string): Promise<T> {
    const startMs = performance.now();
    const result = await work();
    this.#count += 1;
    this.#write(`${this.#count}. ${what} (${(performance.now() - startMs).toFixed(1)} ms)\n`);
    if (describe !== undefined) this.#write(indent(describe(result)));
    return result;
  }

  /** Prints text that belongs to no step. */
  say(text: string): void {
    this.#write(text);
  }
}
