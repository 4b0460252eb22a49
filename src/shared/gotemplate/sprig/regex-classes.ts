import { fromGoString, isAscii, type ByteString } from '../byte-string.ts';
import type { CallContext } from '../function.ts';
import { isNewer } from '../unicode.ts';

/**
 * Unicode classes in patterns, `\pL` and `\p{Greek}`. re2js has them of a newer Unicode than Go, which shows in the rare
 * text that has one of the new characters: for such a text the classes are written out as Go has them.
 */

/** Classes that re2js knows and Go does not: newer scripts, properties that are no category, and other names for some. */
const unknownClasses: ReadonlySet<string> = new Set(
  (
    'Beria_Erfe Garay Gurung_Khema Kirat_Rai Ol_Onal Sidetic Sunuwar Tai_Yo Todhri Tolong_Siki Tulu_Tigalari Unknown ' +
    'ASCII_Hex_Digit Alphabetic Dash Emoji Emoji_Component Emoji_Modifier Emoji_Modifier_Base Emoji_Presentation ' +
    'Extended_Pictographic Hex_Digit Lowercase Math Quotation_Mark Terminal_Punctuation Uppercase White_Space ' +
    'Ascii Assigned Cn LC Lc'
  ).split(' '),
);

/** A letter of lower case to Go, without case since. */
const pharyngeal = 0x295;

/** A pattern's tokens, as far as needed to find its classes and brackets. */
const tokens = /\\Q.*?(?:\\E|$)|\\[pP](?:\{(\^?)(\w+)\}|(\w))|\\.|\[:\^?\w+:\]|\[\^?\]?|\]|[^\\[\]]+/gs;

/** The first class of the pattern that Go does not know, as it is written. */
export function unknownClass(pattern: string): string | undefined {
  if (!/\\[pP]\{/.test(pattern)) return undefined;
  return pattern.match(tokens)?.find((token) => {
    const [, name = ''] = /^\\[pP]\{\^?(\w+)\}$/.exec(token) ?? [];
    return unknownClasses.has(name);
  });
}

/** Whether re2js's classes may differ from Go's in a search of this text. */
export function hasOtherClasses(pattern: string, text: ByteString): boolean {
  if (isAscii(text) || !/\\[pP]/.test(pattern)) return false;
  for (const character of fromGoString(text)) {
    const rune = character.codePointAt(0) ?? 0;
    if (isNewer(rune) || rune === pharyngeal) return true;
  }
  return false;
}

/** Steps for looking at every character that there is. */
const stepsPerClass = 200_000;

/** The pattern, which is a valid one, with its classes written out. */
export function withClassesAsInGo(context: CallContext, pattern: string): string {
  let isBracketed = false;
  return pattern.replace(tokens, (token: string, not = '', longName = '', shortName = '') => {
    const name = `${longName as string}${shortName as string}`;
    if (name !== '' && !unchangedClass.test(name)) {
      const isNegated = token.startsWith('\\P') !== (not === '^');
      context.charge(stepsPerClass);
      const ranges = written(isNegated ? complement(rangesOf(name)) : rangesOf(name));
      context.allocate(2 * ranges.length);
      return isBracketed ? ranges : `[${ranges}]`;
    }
    if (isBracketed) isBracketed = token.startsWith('[:') || !/^\[?\^?\]$/.test(token);
    else if (/^\[(?!:)/.test(token)) isBracketed = true;
    return token;
  });
}

type Ranges = readonly (readonly [first: number, last: number])[];

/** Those of everything, of control characters and of private use. */
const unchangedClass = /^(?:Any|C.?)$/;

/** The last rune of a class that may have changed. */
const lastOfClasses = 0xe01ef;
const lastRune = 0x10ffff;

function rangesOf(name: string): Ranges {
  const isIn = testOf(name);
  const ranges: [number, number][] = [];
  let first: number | undefined;
  for (let rune = 0; rune <= lastOfClasses + 1; rune++) {
    // Nothing is assigned between them.
    if (rune === 0x40000) rune = 0xe0000;
    if (isIn(rune)) {
      first ??= rune;
    } else if (first !== undefined) {
      ranges.push([first, rune - 1]);
      first = undefined;
    }
  }
  return ranges;
}

function testOf(name: string): (rune: number) => boolean {
  const isCategory = name.length <= 2;
  const pattern = new RegExp(isCategory ? `^\\p{${name}}$` : `^\\p{Script=${name}}$`, 'u');
  return (rune) => {
    if (rune === pharyngeal && name.startsWith('L') && name.length === 2) return name === 'Ll';
    return pattern.test(String.fromCodePoint(rune)) && !isNewer(rune);
  };
}

function complement(ranges: Ranges): Ranges {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  return next > lastRune ? gaps : [...gaps, [next, lastRune]];
}

/** As the inside of brackets: characters by themselves, but those that could mean something there. */
function written(ranges: Ranges): string {
  const character = (rune: number): string =>
    rune < 0x80 ? `\\x${rune.toString(16).padStart(2, '0')}` : String.fromCodePoint(rune);
  return ranges.map(([first, last]) => `${character(first)}-${character(last)}`).join('');
}
