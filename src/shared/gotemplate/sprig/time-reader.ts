import type { ByteString } from '../byte-string.ts';

/** The text does not fit the element: Go's message quotes both. */
export class Mismatch extends Error {}

/** The text fits but the value cannot be: `month out of range`. */
export class OutOfRange extends Error {}

/** A position in the text that is read from front to back. */
export class Reader {
  rest: ByteString;

  constructor(text: ByteString) {
    this.rest = text;
  }

  /** Takes what the pattern, which must be anchored, matches. */
  take(pattern: RegExp): string {
    const [taken] = pattern.exec(this.rest) ?? [];
    if (taken === undefined) throw new Mismatch();
    this.rest = this.rest.slice(taken.length);
    return taken;
  }

  number(pattern: RegExp): number {
    return Number(this.take(pattern));
  }

  /** One of some names, whatever their case; their position among them. */
  name(names: readonly string[]): number {
    const start = this.rest.slice(0, 12).toLowerCase();
    const index = names.findIndex((name) => start.startsWith(name.toLowerCase()));
    if (index < 0) throw new Mismatch();
    this.rest = this.rest.slice(names[index]?.length ?? 0);
    return index;
  }

  /** Literal text: a space in it stands for any number of spaces, also none at the end of the text. */
  skip(literal: ByteString): void {
    for (const part of literal.match(/ +|[^ ]+/g) ?? []) {
      if (part.startsWith(' ')) {
        if (this.rest !== '' && !this.rest.startsWith(' ')) throw new Mismatch();
        this.rest = this.rest.replace(/^ +/, '');
      } else this.skipExactly(part);
    }
  }

  #skipOne(char: string): void {
    if (!this.rest.startsWith(char)) throw new Mismatch();
    this.rest = this.rest.slice(1);
  }

  skipExactly(literal: ByteString): void {
    for (const char of literal) this.#skipOne(char);
  }
}
