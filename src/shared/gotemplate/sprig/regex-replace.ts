import { decodeRune, type ByteString } from '../byte-string.ts';
import type { CallContext } from '../function.ts';
import { isDigit, isLetter } from '../unicode.ts';
import { ByteBuilder } from '../byte-builder.ts';
import { nextPosition, type Match, type Regex } from './regex-match.ts';

/** A part of a replacement: literal text, or a group by number or name. */
type Part = ByteString | { readonly group: number | ByteString };

/** Memory of a part with the text before it, in bytes. */
const partBytes = 128;

/** `$name` takes as many letters, digits and `_` as there are; `$$` is a dollar; a malformed `$` is itself. */
export function parseReplacement(context: CallContext, text: ByteString): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (;;) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) break;
    context.charge(2);
    context.allocate(partBytes);
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

/** Literal text, or the numbers of the groups of which the first that took part is meant. */
type Resolved = ByteString | readonly number[];

function resolved(parts: readonly Part[], regex: Regex): readonly Resolved[] {
  const byName = parts.some((part) => typeof part !== 'string') ? regex.groupsByName() : new Map<never, never>();
  return parts.map((part) => {
    if (typeof part === 'string') return part;
    return typeof part.group === 'number' ? [part.group] : (byName.get(part.group) ?? []);
  });
}

function textOf(part: Resolved, match: Match): ByteString {
  if (typeof part === 'string') return part;
  for (const index of part) {
    const text = match.group(index);
    if (text !== undefined) return text;
  }
  return '';
}

/** Go's ReplaceAllString: each match is replaced, except an empty one right after another match. */
export function replaceMatches(
  context: CallContext,
  regex: Regex,
  text: ByteString,
  parts: readonly Part[],
): ByteString {
  context.charge(parts.length);
  const replacement = resolved(parts, regex);
  const asked = replacement.flatMap((part) => (typeof part === 'string' ? [] : part));
  const lookUps = replacement.length + asked.length;
  const out = new ByteBuilder();
  const add = (piece: ByteString): void => {
    context.allocate(piece.length);
    out.add(piece);
  };
  let copied = 0;
  regex.search(
    text,
    asked.reduce((most, index) => Math.max(most, index), 0),
    (match, from) => {
      add(text.slice(copied, match.start));
      if (match.end > copied || match.start === 0) {
        context.charge(lookUps);
        for (const part of replacement) add(textOf(part, match));
      }
      copied = match.end;
      return Math.max(match.end, nextPosition(text, from));
    },
  );
  add(text.slice(copied));
  return out.toString();
}
