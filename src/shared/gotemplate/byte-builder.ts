import { encodeRune } from './byte-string.ts';

/**
 * Collects bytes into one flat string. Adding to a JavaScript string character by character keeps about 32 bytes of
 * rope for each of them until it is flattened, which would break the bound on memory for long values.
 */
export class ByteBuilder {
  #bytes = Buffer.allocUnsafe(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: string): this {
    this.#reserve(bytes.length);
    if (bytes.length > 16) {
      this.#bytes.write(bytes, this.#length, 'latin1');
      this.#length += bytes.length;
    } else {
      // For a few bytes a loop is faster than a call into native code.
      for (let at = 0; at < bytes.length; at++) this.#bytes[this.#length++] = bytes.charCodeAt(at);
    }
    return this;
  }

  addByte(byte: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
    return this;
  }

  addRune(rune: number): this {
    return rune >= 0 && rune < 0x80 ? this.addByte(rune) : this.add(encodeRune(rune));
  }

  /** The bytes in a buffer of their own. */
  toBytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  toString(): string {
    return this.#bytes.toString('latin1', 0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + more));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Replacement of each of the 256 bytes; undefined: the byte stays. */
export type ByteTable = readonly (string | undefined)[];

export function byteTable(replacement: (byte: string) => string | undefined): ByteTable {
  return Array.from({ length: 256 }, (_, code) => replacement(String.fromCharCode(code)));
}

/**
 * The byte string with each byte replaced as the table says: what String.replace does with a pattern, without the tens of
 * bytes that it keeps for each match until the end.
 */
export function replaceBytes(bytes: string, table: ByteTable): string {
  const replaced = new ByteBuilder();
  let copied = 0;
  for (let at = 0; at < bytes.length; at++) {
    const replacement = table[bytes.charCodeAt(at)];
    if (replacement === undefined) continue;
    replaced.add(bytes.slice(copied, at)).add(replacement);
    copied = at + 1;
  }
  return copied === 0 ? bytes : replaced.add(bytes.slice(copied)).toString();
}
