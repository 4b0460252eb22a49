import { ByteBuilder } from '../byte-builder.ts';
import { decodeRune, isAscii } from '../byte-string.ts';
import { isDigit, isNewer } from '../unicode.ts';

/**
 * Go's unicode package on code points. JavaScript maps letters by the full rules (`ß` to `SS`), Go by the simple
 * ones, one character to one; where the full mapping gives several characters the simple one is in this table or is
 * the character itself.
 */
function simpleUpper(rune: number): number {
  if (rune >= 0x1f80 && rune < 0x1fb0) return rune | 8;
  return rune === 0x1fb3 || rune === 0x1fc3 || rune === 0x1ff3 ? rune + 9 : rune;
}

function single(mapped: string): number | undefined {
  const rune = mapped.codePointAt(0) ?? 0;
  return mapped.length === (rune > 0xffff ? 2 : 1) ? rune : undefined;
}

/** `mapped` unless one of the two is a letter that Go does not know yet. */
function ifKnown(mapped: number, rune: number): number {
  return mapped !== rune && (isNewer(mapped) || isNewer(rune)) ? rune : mapped;
}

export function upperRune(rune: number): number {
  if (rune < 0x80) return rune >= 0x61 && rune <= 0x7a ? rune - 32 : rune;
  return ifKnown(single(String.fromCodePoint(rune).toUpperCase()) ?? simpleUpper(rune), rune);
}

export function lowerRune(rune: number): number {
  if (rune < 0x80) return rune >= 0x41 && rune <= 0x5a ? rune + 32 : rune;
  return ifKnown(single(String.fromCodePoint(rune).toLowerCase()) ?? (rune === 0x130 ? 0x69 : rune), rune);
}

/** Title case differs from upper case for the digraphs (`Dž`) and for Georgian, which has no title case. */
export function titleRune(rune: number): number {
  if (rune >= 0x1c4 && rune <= 0x1cc) return 0x1c5 + 3 * Math.floor((rune - 0x1c4) / 3);
  if (rune >= 0x1f1 && rune <= 0x1f3) return 0x1f2;
  const georgian = (rune >= 0x10d0 && rune <= 0x10fa) || (rune >= 0x10fd && rune <= 0x10ff);
  return georgian ? rune : upperRune(rune);
}

function classify(pattern: RegExp): (rune: number) => boolean {
  return (rune) => pattern.test(String.fromCodePoint(rune)) && !isNewer(rune);
}

export const isUpperRune = classify(/^\p{Lu}$/u);
/** The one letter whose category has changed since: a lower case letter then, a letter without case now. */
const pharyngeal = 0x295;
const isLowerNow = classify(/^\p{Ll}$/u);

export function isLowerRune(rune: number): boolean {
  return rune === pharyngeal || isLowerNow(rune);
}

export const isTitleRune = classify(/^\p{Lt}$/u);
export const isLetterRune = classify(/^\p{L}$/u);
export const isNumberRune = classify(/^\p{N}$/u);
export const isPunctRune = classify(/^\p{P}$/u);
const isWideSpace = classify(/^[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/u);

/** unicode.IsSpace. */
export function isSpaceRune(rune: number): boolean {
  return rune < 0x80 ? rune === 0x20 || (rune >= 0x09 && rune <= 0x0d) : isWideSpace(rune);
}

/** Maps each character of a byte string; invalid bytes become U+FFFD, as in strings.Map. */
function mapRunes(bytes: string, map: (rune: number) => number): string {
  const mapped = new ByteBuilder();
  for (let at = 0; at < bytes.length;) {
    const { rune, size } = decodeRune(bytes, at);
    mapped.addRune(map(rune));
    at += size;
  }
  return mapped.toString();
}

export function upper(bytes: string): string {
  return isAscii(bytes) ? bytes.toUpperCase() : mapRunes(bytes, upperRune);
}

export function lower(bytes: string): string {
  return isAscii(bytes) ? bytes.toLowerCase() : mapRunes(bytes, lowerRune);
}

/** Whether a rune ends a word for strings.Title: in ASCII all but letters, digits, `_`, beyond it only white space. */
function isSeparator(rune: number): boolean {
  if (rune < 0x80) return !/^\w$/.test(String.fromCharCode(rune));
  return !isLetterRune(rune) && !isDigit(rune) && isSpaceRune(rune);
}

export function title(bytes: string): string {
  let previous = 0x20;
  return mapRunes(bytes, (rune) => {
    const start = isSeparator(previous);
    previous = rune;
    return start ? titleRune(rune) : rune;
  });
}

/** goutils' Uncapitalize: the first letter of each word in lower case. */
export function untitle(bytes: string): string {
  let start = true;
  return mapRunes(bytes, (rune) => {
    const space = isSpaceRune(rune);
    const mapped = start && !space ? lowerRune(rune) : rune;
    start = space;
    return mapped;
  });
}

/** goutils' SwapCase: a lower case letter at the start of a word takes title case, every other changes its case. */
export function swapCase(bytes: string): string {
  let start = true;
  return mapRunes(bytes, (rune) => {
    if (isUpperRune(rune) || isTitleRune(rune)) {
      start = false;
      return lowerRune(rune);
    }
    if (!isLowerRune(rune)) {
      start = isSpaceRune(rune);
      return rune;
    }
    const mapped = start ? titleRune(rune) : upperRune(rune);
    start = false;
    return mapped;
  });
}
