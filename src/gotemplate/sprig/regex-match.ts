import { MatcherInput, RE2JS, type Matcher } from 're2js';
import { decodeRune, fromGoString, isAscii, toBytes, toGoString, type ByteString } from '../byte-string.js';
import { GoError, type CallContext } from '../function.js';
import { canBackquote, quote } from '../quote.js';

/**
 * Go's regexp package on byte strings by way of re2js, which has RE2's syntax and runs in time proportional to pattern
 * times text. Text that is not ASCII is matched as UTF-8 bytes, so that positions are byte positions and an invalid
 * byte is one character, as in Go.
 */

/** Steps that compiling takes for each character of a pattern, for each in a repetition, and for a Unicode class. */
const stepsPerCharacter = 20;
const stepsPerRepeated = 4;
const stepsPerUnicodeClass = 2000;

/** Steps that the slowest of re2js's ways takes for each instruction of the program and character of the text. */
const stepsPerInstruction = 0.15;

/** Steps for each millisecond that a search took; what one find looks at cannot be told beforehand. */
const stepsPerMillisecond = 10_000;

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

function chargeCompiling(context: CallContext, pattern: string): void {
  const repeated = repetitions(pattern);
  const classes = pattern.split(/\\p/i).length - 1;
  const perCharacter = stepsPerCharacter + (repeated > 1 ? stepsPerRepeated * repeated : 0);
  context.charge(pattern.length * perCharacter + classes * stepsPerUnicodeClass);
}

/**
 * Go lets several groups have the same name, re2js does not: all but the first get an underscore and a number on top,
 * by which `named` finds them.
 */
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

/** What Go finds wrong with a pattern: `error parsing regexp: missing closing ): …`. */
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

/** Positions in bytes: of the whole match, then of each group; a group that took no part has undefined. */
export interface Match {
  readonly start: number;
  readonly end: number;
  group(index: number): ByteString | undefined;
  named(name: ByteString): ByteString | undefined;
}

export class Regex {
  readonly #context: CallContext;
  readonly #compiled: RE2JS;
  readonly groupCount: number;

  /** @throws {PatternError} with Go's message. */
  constructor(context: CallContext, pattern: ByteString) {
    ensureUtf8(pattern);
    const text = fromGoString(pattern);
    chargeCompiling(context, text);
    this.#context = context;
    this.#compiled = compile(text);
    this.groupCount = this.#compiled.groupCount();
  }

  /** The steps that one search of so much text takes at most. */
  #worst(length: number): number {
    return 10 + (length + 1) * this.#compiled.programSize() * stepsPerInstruction;
  }

  #matcher(text: ByteString, searches: 1 | 2): Matcher {
    this.#context.charge(searches * this.#worst(text.length));
    return this.#compiled.matcher(isAscii(text) ? text : MatcherInput.utf8(toBytes(text)));
  }

  matches(text: ByteString): boolean {
    return this.#matcher(text, 1).find();
  }

  first(text: ByteString): Match | undefined {
    const matcher = this.#matcher(text, 1);
    return matcher.find() ? matchOf(matcher, text) : undefined;
  }

  /**
   * Calls `visit` for the match found from each position that it returns, first from 0; a negative position ends it.
   * Searches after the first are charged by the time they took; the first was charged twice its worst, so that even
   * the last one, which may overrun the limit, keeps to the bound.
   */
  search(text: ByteString, visit: (match: Match, from: number) => number): void {
    const matcher = this.#matcher(text, 2);
    for (let from = 0; from >= 0 && from <= text.length;) {
      const started = performance.now();
      const found = matcher.find(from);
      // A pause of the process counts too, so never more than the search can have taken by itself.
      const taken = (performance.now() - started) * stepsPerMillisecond;
      this.#context.charge(1 + Math.min(taken, this.#worst(text.length - from)));
      if (!found) return;
      from = visit(matchOf(matcher, text), from);
    }
  }

  /** Whole matches in order, at most `limit` of them, without empty ones right after another: Go's FindAll. */
  all(text: ByteString, limit: number): Match[] {
    const matches: Match[] = [];
    if (limit === 0) return matches;
    let previousEnd = -1;
    this.search(text, (match, from) => {
      const isEmptyAfter = match.end === from && match.start === previousEnd;
      previousEnd = match.end;
      if (!isEmptyAfter) {
        this.#context.allocate(64);
        matches.push(match);
      }
      if (limit > 0 && matches.length >= limit) return -1;
      return match.end === from ? nextPosition(text, from) : match.end;
    });
    return matches;
  }
}

/** The position after the character at `from`; beyond the text at its end. */
export function nextPosition(text: ByteString, from: number): number {
  return from + Math.max(decodeRune(text, from).size, 1);
}

function matchOf(matcher: Matcher, text: ByteString): Match {
  const bounds = Array.from({ length: matcher.groupCount() + 1 }, (_, group) => ({
    start: matcher.start(group),
    end: matcher.end(group),
  }));
  const group = (index: number): ByteString | undefined => {
    const found = bounds[index];
    return found === undefined || found.start < 0 ? undefined : text.slice(found.start, found.end);
  };
  const names = matcher.pattern().namedGroups();
  const named = (name: ByteString): ByteString | undefined => {
    const same = Object.keys(names).filter((known) => known.split(duplicateMark)[0] === name);
    return same.map((known) => group(names[known] ?? -1)).find((found) => found !== undefined);
  };
  return { start: bounds[0]?.start ?? 0, end: bounds[0]?.end ?? 0, group, named };
}

/** MustCompile's panic, which names the pattern. */
export function compileError(pattern: ByteString, error: PatternError): GoError {
  const quoted = canBackquote(pattern) ? `\`${pattern}\`` : quote(pattern);
  return new GoError(`regexp: Compile(${quoted}): ${error.text}`);
}
