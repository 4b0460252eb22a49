import type { ByteString } from './byte-string.ts';

/** The variables that are declared where the parser is. Counts names: to search for each one used takes too long. */
export class Scope {
  readonly #names: ByteString[] = [];
  readonly #declarations = new Map<ByteString, number>();

  constructor(...names: readonly ByteString[]) {
    for (const name of names) this.declare(name);
  }

  /** How many there are; what `dropTo` goes back to. */
  get mark(): number {
    return this.#names.length;
  }

  dropTo(mark: number): void {
    for (const name of this.#names.splice(mark)) this.#declarations.set(name, (this.#declarations.get(name) ?? 0) - 1);
  }

  declare(name: ByteString): void {
    this.#names.push(name);
    this.#declarations.set(name, (this.#declarations.get(name) ?? 0) + 1);
  }

  has(name: ByteString): boolean {
    return (this.#declarations.get(name) ?? 0) > 0;
  }
}
