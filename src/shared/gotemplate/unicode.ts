/**
 * Go 1.24's view of Unicode, which is version 15.0. JavaScript's regular expressions follow the newer Unicode of the
 * running Node, so what was assigned later is taken out again: it decides what `%q` escapes and what may be in a name.
 */

/** Code points assigned after Unicode 15.0 and up to 17.0: first and last of each run. */
const newer = parseRanges(
  '88f 897 c5c cdc 1acf-1add 1ae0-1aeb 1b4e-1b4f 1b7f 1c89-1c8a 20c1 2427-2429 2b96 2ffc-2fff 31e4-31e5 31ef ' +
    'a7cb-a7cf a7d2 a7d4 a7da-a7dc a7f1 fbc3-fbd2 fd90-fd91 fdc8-fdce 105c0-105f3 10940-10959 10d40-10d65 ' +
    '10d69-10d85 10d8e-10d8f 10ec2-10ec7 10ed0-10ed8 10efa-10efc 11380-113e2 116d0-116e3 11b60-11b67 11bc0-11be1 ' +
    '11bf0-11bf9 11db0-11ddb 11de0-11de9 11f5a 13460-143fa 16100-16139 16d40-16d79 16ea0-16ed3 16ff2-16ff6 ' +
    '187f8-187ff 18cff 18d09-18d1e 18d80-18df2 1cc00-1cef0 1e5d0-1e5ff 1e6c0-1e6ff 1f6d8 1f777-1f77a 1f8b2-1f8bb ' +
    '1f8c0-1f8c1 1f8d0-1f8d8 1fa54-1fa57 1fa89-1fa8a 1fa8e-1fa8f 1fabe 1fac6 1fac8 1facd 1fadc 1fadf 1fae9-1faea ' +
    '1faef 1fbcb-1fbef 1fbfa 2b73a-2b73f 2cea2-2cead 2ebf0-2ee5d 323b0-33479',
);

function parseRanges(text: string): readonly (readonly [number, number])[] {
  return text.split(' ').map((range) => {
    const [first = '', last = first] = range.split('-');
    return [Number.parseInt(first, 16), Number.parseInt(last, 16)] as const;
  });
}

const newest = newer.at(-1)?.[1] ?? 0;

/** Whether Go does not know this rune yet, which to it has no category and no other case. */
export function isNewer(rune: number): boolean {
  if (rune > newest) return false;
  let low = 0;
  let high = newer.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rune > (newer[middle]?.[1] ?? 0)) low = middle + 1;
    else high = middle;
  }
  return rune >= (newer[low]?.[0] ?? Infinity);
}

/** A test of runes that caches its results for the Basic Multilingual Plane: text repeats few runes many times. */
function remembering(pattern: RegExp): (rune: number) => boolean {
  const answers = new Uint8Array(0x10000);
  const ask = (rune: number): boolean => pattern.test(String.fromCodePoint(rune)) && !isNewer(rune);
  return (rune) => {
    const known = answers[rune];
    if (known === undefined) return ask(rune);
    if (known === 0) answers[rune] = ask(rune) ? 1 : 2;
    return answers[rune] === 1;
  };
}

const isPrintable = remembering(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u);
const isAnyLetter = remembering(/^\p{L}$/u);
const isAnyDigit = remembering(/^\p{Nd}$/u);

/** strconv.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space. */
export function isPrint(rune: number): boolean {
  return rune < 0x7f ? rune >= 0x20 : isPrintable(rune);
}

/** unicode.IsLetter. */
export function isLetter(rune: number): boolean {
  if (rune < 0x80) return (rune | 0x20) >= 0x61 && (rune | 0x20) <= 0x7a;
  return isAnyLetter(rune);
}

/** unicode.IsDigit: decimal digits of every script. */
export function isDigit(rune: number): boolean {
  return rune < 0x80 ? rune >= 0x30 && rune <= 0x39 : isAnyDigit(rune);
}
