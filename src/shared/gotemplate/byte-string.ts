/**
 * A Go string is a sequence of bytes, usually but not always UTF-8. The engine keeps it as a JavaScript string with one
 * UTF-16 unit per byte, each 0 to 255: a "byte string". Why this and not the alternatives:
 *
 * - `len`, `index`, `substr`, `trunc` count bytes and may cut a character in two, and `b64dec` gives any bytes at all.
 *   On a byte string these are `length`, `charCodeAt` and `slice`; a UTF-16 string cannot hold half a character.
 * - Go compares and sorts by bytes. So does `<` on byte strings; on UTF-16 strings it puts U+FFEE after U+1F389.
 * - V8 stores it with one byte per unit (latin1), concatenates it as a rope, and hashes it as a Map key. A Uint8Array
 *   does none of the three.
 *
 * Text crosses over only at the edges: template text and data come in through `toGoString`, output leaves as bytes. Text
 * that is ASCII alone is the same string in both forms, which is found with one scan and costs no copy.
 */
export type ByteString = string;

// oxlint-disable-next-line no-control-regex -- the class is "not ASCII", which starts at NUL
const nonAscii = /[^\x00-\x7f]/;

export function isAscii(text: string): boolean {
  return !nonAscii.test(text);
}

/** JavaScript text as a byte string of its UTF-8 form. A lone surrogate becomes U+FFFD. */
export function toGoString(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** A byte string as JavaScript text; bytes that are not UTF-8 become U+FFFD. For messages and for JavaScript's own parsers. */
export function fromGoString(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The bytes of a byte string. */
export function toBytes(bytes: ByteString): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/** Bytes as a byte string. */
export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Go's utf8.RuneError: the rune that stands for a byte that is not UTF-8. */
export const runeError = 0xfffd;

export interface Rune {
  readonly rune: number;
  /** Bytes taken: 1 for an invalid byte, 0 at the end. */
  readonly size: number;
}

const end: Rune = { rune: runeError, size: 0 };
const invalid: Rune = { rune: runeError, size: 1 };

/**
 * The rune at byte `offset`, as utf8.DecodeRuneInString: a byte that starts no valid, shortest, non-surrogate encoding
 * gives U+FFFD with size 1.
 */
export function decodeRune(bytes: ByteString, offset: number): Rune {
  if (offset >= bytes.length) return end;
  const first = bytes.charCodeAt(offset);
  if (first < 0x80) return { rune: first, size: 1 };
  const size = first < 0xc2 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
  if (size === 1) return invalid;
  let rune = first & (0xff >> (size + 1));
  for (let index = 1; index < size; index++) {
    const next = bytes.charCodeAt(offset + index);
    if ((next & 0xc0) !== 0x80) return invalid; // also NaN, past the end
    rune = (rune << 6) | (next & 0x3f);
  }
  return isEncodedIn(rune, size) ? { rune, size } : invalid;
}

/** Whether `size` is the shortest encoding of `rune` and the rune is no surrogate. */
function isEncodedIn(rune: number, size: number): boolean {
  if (size === 3) return rune >= 0x800 && (rune < 0xd800 || rune > 0xdfff);
  return size === 4 ? rune >= 0x10000 && rune <= 0x10ffff : true;
}

/** The runes of a string as Go's `range` gives them, invalid bytes as U+FFFD. */
export function decodeRunes(bytes: ByteString): number[] {
  const runes: number[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const { rune, size } = decodeRune(bytes, offset);
    runes.push(rune);
    offset += size;
  }
  return runes;
}

/** utf8.RuneCountInString. */
export function runeCount(bytes: ByteString): number {
  if (isAscii(bytes)) return bytes.length;
  let count = 0;
  for (let offset = 0; offset < bytes.length; offset += decodeRune(bytes, offset).size) count++;
  return count;
}

/** One rune as UTF-8; what is no valid rune becomes U+FFFD, as string(rune) does. */
export function encodeRune(rune: number): ByteString {
  if (rune >= 0 && rune < 0x80) return String.fromCharCode(rune);
  const valid = rune >= 0 && rune <= 0x10ffff && !(rune >= 0xd800 && rune <= 0xdfff);
  const code = valid ? rune : runeError;
  const last = 0x80 | (code & 0x3f);
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6), last);
  const third = 0x80 | ((code >> 6) & 0x3f);
  if (code < 0x10000) return String.fromCharCode(0xe0 | (code >> 12), third, last);
  return String.fromCharCode(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 0x3f), third, last);
}

/** string([]rune). */
export function encodeRunes(runes: readonly number[]): ByteString {
  return runes.map(encodeRune).join('');
}
