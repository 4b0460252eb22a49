import type { ByteString } from './byte-string.ts';
import type { Ref } from './function.ts';

/** The variables of all running templates, innermost last. A template sees those from its base on; the first is `$`. */
export class Variables {
  readonly #names: ByteString[] = [];
  readonly #values: Ref[] = [];
  /** Where the running template's variables start. */
  base = 0;

  /** How many there are; what `dropTo` goes back to. */
  get mark(): number {
    return this.#names.length;
  }

  dropTo(mark: number): void {
    this.#names.length = mark;
    this.#values.length = mark;
  }

  declare(name: ByteString, value: Ref): void {
    this.#names.push(name);
    this.#values.push(value);
  }

  #find(name: ByteString): number {
    const index = this.#names.lastIndexOf(name);
    return index < this.base ? -1 : index;
  }

  /** How many declarations there were since that of this variable, or in all when it is not there. */
  distance(name: ByteString): number {
    return this.mark - Math.max(this.#find(name), 0);
  }

  has(name: ByteString): boolean {
    return this.#find(name) >= 0;
  }

  /** The value of a variable that is there. */
  get(name: ByteString): Ref {
    return this.#values[this.#find(name)];
  }

  /** Sets a variable that is there. */
  set(name: ByteString, value: Ref): void {
    this.#values[this.#find(name)] = value;
  }

  /** Sets the variable declared `fromTop` declarations ago, 1 for the last. */
  setRecent(fromTop: number, value: Ref): void {
    this.#values[this.#values.length - fromTop] = value;
  }
}
