import type { ByteString } from '../byte-string.ts';
import type { CallContext } from '../function.ts';

/**
 * Up to this length V8's own search takes time in proportion to the text, whatever is searched (4 ns a byte as measured).
 * Beyond it the time grows with the product of both: a search for `a…aba…a` of 1,000 bytes takes 100 times as long.
 */
const nativeLength = 128;

/** A text to search for, in time that grows as the texts do: for long ones by Knuth, Morris and Pratt. */
export class Needle {
  readonly text: ByteString;
  /** For each prefix the length of its longest proper prefix that also ends it; absent for a short text. */
  readonly #borders: Int32Array | undefined;

  constructor(context: CallContext, text: ByteString) {
    this.text = text;
    if (text.length <= nativeLength) return;
    context.charge(text.length >> 4);
    context.allocate(4 * text.length);
    this.#borders = bordersOf(text);
  }

  /** Where it occurs first at or after `from`; -1 when it does not. The caller charges for the bytes searched. */
  indexIn(haystack: ByteString, from = 0): number {
    const borders = this.#borders;
    if (borders === undefined) return haystack.indexOf(this.text, from);
    const { text } = this;
    let matched = 0;
    for (let at = from; at < haystack.length; at++) {
      const byte = haystack.charCodeAt(at);
      while (matched > 0 && byte !== text.charCodeAt(matched)) matched = borders[matched - 1] ?? 0;
      if (byte === text.charCodeAt(matched)) matched++;
      if (matched === text.length) return at - matched + 1;
    }
    return -1;
  }

  /** How often it occurs without overlap; it is not empty. */
  countIn(haystack: ByteString): number {
    let count = 0;
    for (let at = this.indexIn(haystack); at >= 0; at = this.indexIn(haystack, at + this.text.length)) count++;
    return count;
  }
}

function bordersOf(text: ByteString): Int32Array {
  const borders = new Int32Array(text.length);
  let length = 0;
  for (let at = 1; at < text.length; at++) {
    const byte = text.charCodeAt(at);
    while (length > 0 && byte !== text.charCodeAt(length)) length = borders[length - 1] ?? 0;
    if (byte === text.charCodeAt(length)) length++;
    borders[at] = length;
  }
  return borders;
}
