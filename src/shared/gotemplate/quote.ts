import { ByteBuilder } from './byte-builder.ts';
import { type ByteString, decodeRune, decodeRunes, encodeRune, runeError } from './byte-string.ts';
import { isPrint } from './unicode.ts';

/** Go's string and character literals: strconv.Quote and its kin, and strconv.Unquote. */

const escapes: ReadonlyMap<number, string> = new Map([
  [7, '\\a'],
  [8, '\\b'],
  [9, '\\t'],
  [10, '\\n'],
  [11, '\\v'],
  [12, '\\f'],
  [13, '\\r'],
  [0x5c, '\\\\'],
]);

/** Printable ASCII without quote and backslash. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}

function escapeRune(rune: number, quote: number, asciiOnly: boolean): ByteString {
  if (rune === quote) return `\\${String.fromCharCode(quote)}`;
  const known = escapes.get(rune);
  if (known !== undefined) return known;
  if (rune < 0x7f ? rune >= 0x20 : !asciiOnly && isPrint(rune)) return encodeRune(rune);
  if (rune < 0x20 || rune === 0x7f) return `\\x${hex(rune, 2)}`;
  return rune < 0x10000 ? `\\u${hex(rune, 4)}` : `\\U${hex(rune, 8)}`;
}

function quoteWith(text: ByteString, asciiOnly: boolean): ByteString {
  if (plain.test(text)) return `"${text}"`;
  const quoted = new ByteBuilder().add('"');
  // Bytes that need no escape are copied in runs.
  let start = 0;
  for (let offset = 0; offset < text.length;) {
    const { rune, size } = decodeRune(text, offset);
    const escape = escapeAt(text, offset, rune, size, asciiOnly);
    if (escape !== undefined) {
      quoted.add(text.slice(start, offset)).add(escape);
      start = offset + size;
    }
    offset += size;
  }
  return quoted.add(text.slice(start)).add('"').toString();
}

/** The escape for the rune at `offset`; undefined when it stays as it is. */
function escapeAt(
  text: ByteString,
  offset: number,
  rune: number,
  size: number,
  asciiOnly: boolean,
): ByteString | undefined {
  if (rune === runeError && size === 1) return `\\x${hex(text.charCodeAt(offset), 2)}`;
  if (rune >= 0x20 && rune < 0x7f && rune !== 0x22 && rune !== 0x5c) return undefined;
  if (rune >= 0x80 && !asciiOnly && isPrint(rune)) return undefined;
  return escapeRune(rune, 0x22, asciiOnly);
}

/** strconv.Quote. */
export function quote(text: ByteString): ByteString {
  return quoteWith(text, false);
}

/** strconv.QuoteToASCII. */
export function quoteToAscii(text: ByteString): ByteString {
  return quoteWith(text, true);
}

/** strconv.QuoteRune and QuoteRuneToASCII; what is no rune becomes U+FFFD. */
export function quoteRune(rune: number, asciiOnly: boolean): ByteString {
  const valid = rune >= 0 && rune <= 0x10ffff && !(rune >= 0xd800 && rune <= 0xdfff);
  return `'${escapeRune(valid ? rune : runeError, 0x27, asciiOnly)}'`;
}

/** strconv.CanBackquote: one line of valid UTF-8 without backquote and control characters other than tab. */
export function canBackquote(text: ByteString): boolean {
  for (let offset = 0; offset < text.length;) {
    const { rune, size } = decodeRune(text, offset);
    if (size === 1 && rune === runeError) return false;
    if (rune === 0xfeff || (rune < 0x20 && rune !== 9) || rune === 0x60 || rune === 0x7f) return false;
    offset += size;
  }
  return true;
}

const simpleEscapes: ReadonlyMap<string, string> = new Map([
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
  ['\\', '\\'],
]);

const numericEscape = /x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})/y;

interface Escape {
  readonly text: ByteString;
  /** Offset after the escape. */
  readonly next: number;
}

/** The escape whose letter is at `offset`, after the backslash; undefined when it is none of Go's. */
function readEscape(literal: ByteString, offset: number, quoteMark: string): Escape | undefined {
  const letter = literal.charAt(offset);
  const simple = letter === quoteMark ? letter : simpleEscapes.get(letter);
  if (simple !== undefined) return { text: simple, next: offset + 1 };
  numericEscape.lastIndex = offset;
  const match = numericEscape.exec(literal);
  if (match === null) return undefined;
  const [, byte, short, long, octal] = match;
  const code = octal === undefined ? Number.parseInt(byte ?? short ?? long ?? '', 16) : Number.parseInt(octal, 8);
  const next = numericEscape.lastIndex;
  if (short === undefined && long === undefined) {
    return code > 0xff ? undefined : { text: String.fromCharCode(code), next };
  }
  const valid = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? { text: encodeRune(code), next } : undefined;
}

/** The text of a Go string literal in double quotes or backquotes; undefined when it is malformed. */
export function unquote(literal: ByteString): ByteString | undefined {
  const mark = literal.charAt(0);
  const body = literal.slice(1, -1);
  if (literal.length < 2 || !literal.endsWith(mark)) return undefined;
  if (mark === '`') return body.includes('`') ? undefined : body.replaceAll('\r', '');
  if (mark !== '"' || body.includes('\n')) return undefined;
  return body.includes('\\') || body.includes('"') ? unescape(body) : body;
}

function unescape(body: ByteString): ByteString | undefined {
  const text = new ByteBuilder();
  for (let offset = 0; offset < body.length;) {
    const slash = body.indexOf('\\', offset);
    const run = body.slice(offset, slash < 0 ? undefined : slash);
    if (run.includes('"')) return undefined;
    text.add(run);
    if (slash < 0) break;
    const escape = readEscape(body, slash + 1, '"');
    if (escape === undefined) return undefined;
    text.add(escape.text);
    offset = escape.next;
  }
  return text.toString();
}

/** Go's message for an invalid character constant. */
export const invalidSyntax = 'invalid syntax';

/** The code of a character literal such as `'a'` or `'\n'`, or Go's complaint about it. */
export function unquoteChar(literal: ByteString): number | ByteString {
  const first = literal.charAt(1);
  if (first === "'") return invalidSyntax;
  if (first !== '\\') {
    const { rune, size } = decodeRune(literal, 1);
    return literal.slice(1 + size) === "'" ? rune : malformed(literal);
  }
  const escape = readEscape(literal, 2, "'");
  if (escape === undefined) return invalidSyntax;
  if (literal.slice(escape.next) !== "'") return malformed(literal);
  const isByte = escape.text.length === 1;
  return isByte ? escape.text.charCodeAt(0) : (decodeRunes(escape.text)[0] ?? runeError);
}

function malformed(literal: ByteString): ByteString {
  return `malformed character constant: ${literal}`;
}
