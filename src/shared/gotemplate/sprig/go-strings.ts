import { decodeRune, decodeRunes, runeError, type ByteString, type Rune } from '../byte-string.ts';
import { ByteBuilder } from '../byte-builder.ts';
import type { CallContext } from '../function.ts';
import { isSpaceRune } from './letters.ts';
import { Needle } from './needle.ts';

/** Go's strings package on byte strings, as far as JavaScript's own methods differ from it. */

/** utf8.DecodeLastRuneInString of `bytes[:end]`, where `end` is at least 1. */
function decodeLastRune(bytes: ByteString, end: number): Rune {
  let start = end - 1;
  if (bytes.charCodeAt(start) < 0x80) return { rune: bytes.charCodeAt(start), size: 1 };
  const limit = Math.max(end - 4, 0);
  while (start > limit && (bytes.charCodeAt(start) & 0xc0) === 0x80) start--;
  const last = decodeRune(bytes.slice(start, end), 0);
  return start + last.size === end ? last : { rune: runeError, size: 1 };
}

function trimWhere(bytes: ByteString, isTrimmed: (rune: number) => boolean): ByteString {
  let start = 0;
  let end = bytes.length;
  while (start < end) {
    const { rune, size } = decodeRune(bytes, start);
    if (!isTrimmed(rune)) break;
    start += size;
  }
  while (end > start) {
    const { rune, size } = decodeLastRune(bytes, end);
    if (!isTrimmed(rune)) break;
    end -= size;
  }
  return bytes.slice(start, Math.max(start, end));
}

/** strings.TrimSpace. */
export function trimSpace(bytes: ByteString): ByteString {
  return trimWhere(bytes, isSpaceRune);
}

/** strings.Trim: drops the characters of `cutset` at both ends. */
export function trimCutset(bytes: ByteString, cutset: ByteString): ByteString {
  const runes = new Set(decodeRunes(cutset));
  return trimWhere(bytes, (rune) => runes.has(rune));
}

/** strings.Repeat within the limits of the render. The caller rejects negative counts. */
export function repeatText(context: CallContext, bytes: ByteString, count: bigint): ByteString {
  if (bytes === '' || count === 0n) return '';
  context.allocate(Number(BigInt(bytes.length) * count));
  return bytes.repeat(Number(count));
}

/** strings.ReplaceAll; an empty `old` matches before every character and at the end. */
export function replaceAll(
  context: CallContext,
  bytes: ByteString,
  old: ByteString,
  replacement: ByteString,
): ByteString {
  context.charge(bytes.length / 32);
  if (old === '') return interleave(context, bytes, replacement);
  const needle = new Needle(context, old);
  const count = needle.countIn(bytes);
  if (count === 0) return bytes;
  context.charge(count);
  context.allocate(bytes.length + count * (replacement.length - old.length));
  // JavaScript's own replaceAll keeps some forty bytes for each match while it works.
  const replaced = new ByteBuilder();
  let copied = 0;
  for (let at = needle.indexIn(bytes); at >= 0; at = needle.indexIn(bytes, copied)) {
    replaced.add(bytes.slice(copied, at)).add(replacement);
    copied = at + old.length;
  }
  return replaced.add(bytes.slice(copied)).toString();
}

function interleave(context: CallContext, bytes: ByteString, replacement: ByteString): ByteString {
  context.allocate(bytes.length + (bytes.length + 1) * replacement.length);
  const parts = explode(context, bytes, bytes.length);
  return parts.length === 0 ? replacement : `${replacement}${parts.join(replacement)}${replacement}`;
}

/** Memory of a part in a list without its text, in bytes. */
const partBytes = 32;

/**
 * strings.SplitN: at most `limit` parts, the last of them unsplit; all parts for a negative limit; undefined, which is
 * Go's nil slice, for zero. An empty separator splits after each character.
 */
export function splitText(
  context: CallContext,
  bytes: ByteString,
  separator: ByteString,
  limit: number,
): ByteString[] | undefined {
  if (limit === 0) return undefined;
  if (separator === '') return explode(context, bytes, limit < 0 ? Infinity : limit);
  context.charge(bytes.length / 32);
  const needle = new Needle(context, separator);
  const count = needle.countIn(bytes) + 1;
  const size = limit < 0 ? count : Math.min(limit, count);
  context.allocate(partBytes * size + bytes.length);
  context.charge(size);
  const parts: ByteString[] = [];
  let at = 0;
  while (parts.length < size - 1) {
    const found = needle.indexIn(bytes, at);
    parts.push(bytes.slice(at, found));
    at = found + separator.length;
  }
  parts.push(bytes.slice(at));
  return parts;
}

function explode(context: CallContext, bytes: ByteString, limit: number): ByteString[] {
  context.allocate(partBytes * Math.min(bytes.length, limit));
  const parts: ByteString[] = [];
  let at = 0;
  while (at < bytes.length && parts.length < limit - 1) {
    const { size } = decodeRune(bytes, at);
    parts.push(bytes.slice(at, at + size));
    at += size;
  }
  if (at < bytes.length) parts.push(bytes.slice(at));
  return parts;
}
