import { decodeRune, type ByteString } from '../byte-string.js';
import type { CallContext } from '../function.js';
import { isDigit, isLetter } from '../unicode.js';
import { ByteBuilder } from '../byte-builder.js';
import { nextPosition, type Match, type Regex } from './regex-match.js';

/** A part of a replacement: literal text, or a group by number or name. */
type Part = ByteString | { readonly group: number | ByteString };

/** `$name` takes as many letters, digits and `_` as there are; `$$` is a dollar; a malformed `$` is itself. */
export function parseReplacement(text: ByteString): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) break;
    parts.push(text.slice(at, dollar));
    const reference = text[dollar + 1] === '$' ? { part: '$', end: dollar + 2 } : parseReference(text, dollar + 1);
    parts.push(reference?.part ?? '$');
    at = reference?.end ?? dollar + 1;
  }
  parts.push(text.slice(at));
  return parts;
}

function parseReference(text: ByteString, from: number): { part: Part; end: number } | undefined {
  const isBraced = text[from] === '{';
  const start = isBraced ? from + 1 : from;
  let end = start;
  while (end < text.length) {
    const { rune, size } = decodeRune(text, end);
    if (!isLetter(rune) && !isDigit(rune) && rune !== 0x5f) break;
    end += size;
  }
  const name = text.slice(start, end);
  if (name === '' || (isBraced && text[end] !== '}')) return undefined;
  const isNumber = /^(?:0|[1-9][0-9]{0,8})$/.test(name);
  return { part: { group: isNumber ? Number(name) : name }, end: isBraced ? end + 1 : end };
}

function expand(match: Match, parts: readonly Part[]): ByteString {
  return parts
    .map((part) => {
      if (typeof part === 'string') return part;
      return (typeof part.group === 'number' ? match.group(part.group) : match.named(part.group)) ?? '';
    })
    .join('');
}

/** Go's ReplaceAllString: each match is replaced, except an empty one right after another match. */
export function replaceMatches(
  context: CallContext,
  regex: Regex,
  text: ByteString,
  parts: readonly Part[],
): ByteString {
  const out = new ByteBuilder();
  const add = (piece: ByteString): void => {
    context.allocate(piece.length);
    out.add(piece);
  };
  let copied = 0;
  regex.search(text, (match, from) => {
    add(text.slice(copied, match.start));
    if (match.end > copied || match.start === 0) add(expand(match, parts));
    copied = match.end;
    return Math.max(match.end, nextPosition(text, from));
  });
  add(text.slice(copied));
  return out.toString();
}
