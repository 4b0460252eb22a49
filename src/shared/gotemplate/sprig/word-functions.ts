import type { ByteString } from '../byte-string.ts';
import { goFunction, type CallContext, type GoFunction } from '../function.ts';
import { isSpaceRune, lower, swapCase, title, untitle, upper } from './letters.ts';
import { ByteBuilder } from '../byte-builder.ts';
import { camelCase, kebabCase, snakeCase } from './word-case.ts';
import { abbreviate, wrapText } from './wrap.ts';

/** goutils' DeleteWhiteSpace takes each byte for a character: what is left of text beyond ASCII is mangled. */
function nospace(text: ByteString): ByteString {
  const kept = Array.from(text, (byte) => byte.charCodeAt(0)).filter((rune) => !isSpaceRune(rune));
  if (kept.length === text.length) return text;
  const out = new ByteBuilder();
  for (const rune of kept) out.addRune(rune);
  return out.toString();
}

/** goutils' Initials, which takes each byte for a character too. */
function initials(text: ByteString): ByteString {
  const out = new ByteBuilder();
  let afterGap = true;
  for (let at = 0; at < text.length; at++) {
    const rune = text.charCodeAt(at);
    const isGap = isSpaceRune(rune);
    if (afterGap && !isGap) out.addRune(rune);
    afterGap = isGap;
  }
  return out.toString();
}

const caseFunctions = {
  upper,
  lower,
  title,
  untitle,
  swapcase: swapCase,
  snakecase: snakeCase,
  kebabcase: kebabCase,
  camelcase: camelCase,
  nospace,
  initials,
};

/** Steps for each byte, of those that look at a character more than once or twice. */
const stepsPerByte: Readonly<Record<string, number>> = { snakecase: 4, kebabcase: 4, camelcase: 2, nospace: 2 };

/** Lower bound for what a line break costs: wrapped text is at most this much longer per column. */
function wrappedLength(text: ByteString, width: number, lineBreak: ByteString): number {
  return text.length + Math.ceil(text.length / Math.max(width, 1)) * Math.max(lineBreak.length, 1);
}

function wrap(context: CallContext, width: bigint, lineBreak: ByteString, text: ByteString, cut: boolean): ByteString {
  context.charge(text.length);
  context.allocate(wrappedLength(text, Number(width), lineBreak));
  return wrapText(text, Number(width), lineBreak, cut);
}

export const wordFunctions: readonly GoFunction[] = [
  ...Object.entries(caseFunctions).map(([name, convert]) =>
    goFunction({ name, params: ['string'] }, (context, text) => {
      context.charge(text.length * (stepsPerByte[name] ?? 1));
      context.allocate(2 * text.length);
      return convert(text);
    }),
  ),
  goFunction({ name: 'abbrev', params: ['int', 'string'] }, (_, width, text) =>
    width < 4n ? text : abbreviate(text, 0n, Number(width)),
  ),
  goFunction({ name: 'abbrevboth', params: ['int', 'int', 'string'] }, (_, left, right, text) =>
    right < 4n || (left > 0n && right < 7n) ? text : abbreviate(text, left, Number(right)),
  ),
  goFunction({ name: 'wrap', params: ['int', 'string'] }, (context, width, text) =>
    wrap(context, width, '', text, false),
  ),
  goFunction({ name: 'wrapWith', params: ['int', 'string', 'string'] }, (context, width, lineBreak, text) =>
    wrap(context, width, lineBreak, text, true),
  ),
];
