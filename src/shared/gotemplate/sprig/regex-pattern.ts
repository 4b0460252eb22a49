import { RE2JS } from 're2js';
import { decodeRune, isAscii, toGoString, type ByteString } from '../byte-string.ts';
import { GoError, type CallContext } from '../function.ts';
import { canBackquote, quote } from '../quote.ts';
import { unknownClass } from './regex-classes.ts';

/** Steps that compiling takes for each character of a pattern, for each in a repetition, and for a Unicode class. */
const stepsPerCharacter = 20;
const stepsPerRepeated = 4;
const stepsPerUnicodeClass = 2000;

/** For each character of a range that is to match in both cases: the engine folds them one by one. */
const stepsPerFolded = 0.5;

/** Memory of the compiled form of a character, in bytes. */
const bytesPerRepeated = 128;

/** The characters that have another case are between these two. */
const minFolded = 0x41;
const maxFolded = 0x1e943;

/** An upper bound for how often a counted repetition multiplies the pattern: those of groups may be nested. */
function repetitions(pattern: string): number {
  let simple = 1;
  let nested = 1;
  for (const [, before = '', low = '', high = ''] of pattern.matchAll(/(.?)\{(\d{1,4})(?:,(\d{0,4}))?\}/gs)) {
    const count = Math.max(Number(low), Number(high), 1);
    if (before === ')') nested *= count;
    else simple = Math.max(simple, count);
  }
  return Math.min(simple * nested, 1000);
}

/** An upper bound for how many characters are folded in a pattern that ignores case anywhere. */
function foldedCharacters(pattern: string): number {
  if (!/\(\?[a-zA-Z]*i/.test(pattern)) return 0;
  const end = String.raw`\\x\{([0-9a-fA-F]+)\}|\\x([0-9a-fA-F]{2})|\\([0-7]{1,3})|\\?(.)`;
  let count = 0;
  for (const match of pattern.matchAll(new RegExp(`(?=(?:${end})-(?:${end}))`, 'gsu'))) {
    const [low, high] = [match.slice(1, 5), match.slice(5, 9)].map(codePointOf);
    count += Math.max(0, Math.min(high ?? 0, maxFolded) - Math.max(low ?? 0, minFolded) + 1);
  }
  return count;
}

function codePointOf([braced, hex, octal, char]: readonly (string | undefined)[]): number {
  const digits = braced ?? hex;
  if (digits !== undefined) return parseInt(digits, 16);
  return octal === undefined ? (char?.codePointAt(0) ?? 0) : parseInt(octal, 8);
}

function chargeCompiling(context: CallContext, pattern: string): void {
  const repeated = repetitions(pattern);
  const classes = pattern.split(/\\p/i).length - 1;
  const perCharacter = stepsPerCharacter + (repeated > 1 ? stepsPerRepeated * repeated : 0);
  context.charge(
    pattern.length * perCharacter + classes * stepsPerUnicodeClass + foldedCharacters(pattern) * stepsPerFolded,
  );
  context.allocate(pattern.length * repeated * bytesPerRepeated);
}

/**
 * Compiles what Go's regexp would take. Go lets several groups have the same name, re2js does not: all but the first get
 * an underscore and a number on top, which `groupName` takes away.
 * @throws {PatternError} with Go's message.
 */
export function compilePattern(context: CallContext, pattern: ByteString, text: string): RE2JS {
  ensureUtf8(pattern);
  chargeCompiling(context, text);
  const unknown = unknownClass(text);
  if (unknown !== undefined)
    throw new PatternError(`error parsing regexp: invalid character class range: \`${unknown}\``);
  return compile(text);
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const renamed = message.includes('duplicate capture group name') ? withUniqueNames(pattern) : pattern;
    if (renamed === pattern) throw new PatternError(toGoString(inGoWords(message)));
    return compile(renamed);
  }
}

/** re2js's messages are Go's but for what a pattern's end leaves out, and for names that `compile` made up. */
function inGoWords(message: string): string {
  return message
    .replace(/(trailing backslash at end of expression)$/, '$1: ``')
    .replace(/invalid named capture: `(\(\?P?)<`$/, (_, opening: string) => {
      return `invalid or unsupported Perl syntax: \`${opening === '(?' ? '(?<' : opening}\``;
    })
    .replace(new RegExp(`${duplicateMark}\\d+`, 'g'), '');
}

function withUniqueNames(pattern: string): string {
  const seen = new Map<string, number>();
  return pattern.replace(/\\.|\(\?P?<(\w+)>/gs, (whole, name?: string) => {
    if (name === undefined) return whole;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? whole : whole.replace('>', `${duplicateMark}${count.toString()}>`);
  });
}

const duplicateMark = '__duplicate__';

/** The name that the pattern gave a group. */
export function groupName(known: string): string {
  return known.split(duplicateMark)[0] ?? known;
}

/** Go's error for an invalid pattern: `error parsing regexp: missing closing ): …`. */
export class PatternError extends GoError {}

function ensureUtf8(pattern: ByteString): void {
  if (isAscii(pattern)) return;
  for (let at = 0; at < pattern.length;) {
    const { size } = decodeRune(pattern, at);
    const isInvalid = size === 1 && pattern.charCodeAt(at) >= 0x80;
    if (isInvalid) throw new PatternError(`error parsing regexp: invalid UTF-8: \`${pattern.slice(at)}\``);
    at += size;
  }
}

/** MustCompile's panic, which names the pattern. */
export function compileError(pattern: ByteString, error: PatternError): GoError {
  const quoted = canBackquote(pattern) ? `\`${pattern}\`` : quote(pattern);
  return new GoError(`regexp: Compile(${quoted}): ${error.text}`);
}
