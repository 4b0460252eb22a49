import { ByteBuilder } from '../byte-builder.ts';
import { wrapInt } from '../values.ts';

/**
 * goutils' WrapCustom: breaks a line at spaces so that no part is longer than `width` bytes. Spaces at the start of a
 * part are dropped, line breaks in the text are not looked at. A word that is too long is cut only if `cutLongWords`.
 */
export function wrapText(text: string, width: number, lineBreak: string, cutLongWords: boolean): string {
  const breakWith = lineBreak === '' ? '\n' : lineBreak;
  const columns = Math.max(width, 1);
  const wrapped = new ByteBuilder();
  let at = 0;
  while (text.length - at > columns) {
    if (text[at] === ' ') {
      at++;
      continue;
    }
    const cut = lineEnd(text, at, columns, cutLongWords);
    wrapped.add(text.slice(at, cut.end));
    if (cut.end === text.length) return wrapped.toString();
    wrapped.add(breakWith);
    at = cut.next;
  }
  return wrapped.add(text.slice(at)).toString();
}

function lineEnd(text: string, at: number, columns: number, cutLongWords: boolean): { end: number; next: number } {
  const space = at + text.slice(at, at + columns + 1).lastIndexOf(' ');
  if (space >= at) return { end: space, next: space + 1 };
  if (cutLongWords) return { end: at + columns, next: at + columns };
  const after = text.indexOf(' ', at + columns);
  return after < 0 ? { end: text.length, next: text.length } : { end: after, next: after + 1 };
}

/** goutils' Abbreviate and AbbreviateFull: `offset` is a left edge that stays visible. Widths count bytes. */
export function abbreviate(text: string, offset: bigint, width: number): string {
  if (text === '' || width < 4) return '';
  if (text.length <= width) return text;
  const kept = width - 3;
  const start = leftEdge(text.length, offset, kept);
  if (start <= 4) return `${text.slice(0, kept)}...`;
  if (width < 7) return '';
  if (start + kept < text.length) return `...${abbreviate(text.slice(start), 0n, kept)}`;
  return `...${text.slice(text.length - kept)}`;
}

/** Far enough to the left the room from there to the end overflows an int, as in Go, which then keeps the end. */
function leftEdge(length: number, offset: bigint, kept: number): number {
  if (offset > BigInt(length)) return length - kept;
  const room = wrapInt('int', BigInt(length) - offset);
  return room < BigInt(kept) ? length - kept : Number(offset);
}
