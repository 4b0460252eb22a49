import { decodeRune, fromGoString, toGoString, type ByteString } from '../byte-string.ts';
import type { CallContext } from '../function.ts';
import { Needle } from './needle.ts';
import { type EngineInput, RegexInput } from './regex-input.ts';
import { hasOtherClasses, withClassesAsInGo } from './regex-classes.ts';
import { compilePattern, groupName } from './regex-pattern.ts';

/**
 * Go's regexp package on byte strings by way of re2js, which has RE2's syntax and runs in time proportional to pattern
 * times text.
 */

/** Steps that the slowest of re2js's ways takes for each instruction of the program and character that it looks at. */
const stepsPerInstruction = 0.15;

/** The same for a character by itself, which may be one of several bytes. */
const stepsPerCharacter = 0.5;

/** Steps for each instruction, character, and start or end of a group that the search returns. */
const stepsPerGroup = 0.02;

/** Steps that starting a search takes. */
const stepsPerSearch = 10;

/** Memory of the engine for each instruction, and for each of these and bound of a group. */
const bytesPerInstruction = 48;
const bytesPerBound = 8;

const unanchored = 0;

/** The part of re2js beneath its own matcher, which accepts only its own inputs. */
interface Engine {
  /** Literal with which each match starts. */
  readonly prefix: string;
  readonly namedGroups: Readonly<Record<string, number>>;
  /** @returns start and end of the first match and of its groups, `bounds` numbers, negative if it took no part. */
  executeEngine(input: EngineInput, from: number, anchor: number, bounds: number): readonly number[] | null;
}

/** Positions in bytes. */
export interface Match {
  readonly start: number;
  readonly end: number;
  /** The text of a group, 0 for the whole; undefined when it took no part, or was not asked for. */
  group(index: number): ByteString | undefined;
}

export class Regex {
  readonly #context: CallContext;
  readonly #pattern: string;
  #engine: Engine;
  #prefix: Needle;
  #instructions: number;
  readonly #groupCount: number;
  #hasClassesAsInGo = false;

  /** @throws {PatternError} with Go's message. */
  constructor(context: CallContext, pattern: ByteString) {
    this.#pattern = fromGoString(pattern);
    const compiled = compilePattern(context, pattern, this.#pattern);
    this.#context = context;
    this.#engine = compiled.re2();
    this.#prefix = new Needle(context, toGoString(this.#engine.prefix));
    this.#instructions = compiled.programSize();
    this.#groupCount = compiled.groupCount();
  }

  /** Before a search in a text for which it matters how the pattern's Unicode classes were understood. */
  #takeClassesAsInGo(): void {
    const pattern = withClassesAsInGo(this.#context, this.#pattern);
    const compiled = compilePattern(this.#context, toGoString(pattern), pattern);
    this.#engine = compiled.re2();
    this.#prefix = new Needle(this.#context, toGoString(this.#engine.prefix));
    this.#instructions = compiled.programSize();
    this.#hasClassesAsInGo = true;
  }

  matches(text: ByteString): boolean {
    return this.first(text) !== undefined;
  }

  first(text: ByteString): Match | undefined {
    let first: Match | undefined;
    this.search(text, 0, (match) => {
      first = match;
      return -1;
    });
    return first;
  }

  /**
   * Calls `visit` for the match found from each position that it returns, first from 0; a negative position ends it.
   * @param groups how many groups `visit` may ask the match for; fewer take less time.
   */
  search(text: ByteString, groups: number, visit: (match: Match, from: number) => number): void {
    if (!this.#hasClassesAsInGo && hasOtherClasses(this.#pattern, text)) this.#takeClassesAsInGo();
    const bounds = 2 * (1 + Math.min(groups, this.#groupCount));
    this.#context.allocate(this.#instructions * (bytesPerInstruction + bytesPerBound * bounds));
    const perCharacter = stepsPerCharacter + this.#instructions * (stepsPerInstruction + stepsPerGroup * (bounds - 2));
    const input = new RegexInput(this.#context, text, this.#prefix, perCharacter);
    for (let from = 0; from >= 0 && from <= text.length;) {
      this.#context.charge(stepsPerSearch + bounds);
      const found = this.#engine.executeEngine(input, from, unanchored, bounds);
      if (found === null) return;
      from = visit(matchOf(found, text), from);
    }
  }

  /** Whole matches in order, at most `limit` of them, without empty ones right after another: Go's FindAll. */
  all(text: ByteString, limit: number): Match[] {
    const matches: Match[] = [];
    if (limit === 0) return matches;
    let previousEnd = -1;
    this.search(text, 0, (match, from) => {
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

  /** The numbers of the groups of each name, in the order of the pattern; several may have the same. */
  groupsByName(): ReadonlyMap<ByteString, readonly number[]> {
    const groups = new Map<ByteString, number[]>();
    for (const [known, index] of Object.entries(this.#engine.namedGroups)) {
      const name = groupName(known);
      const same = groups.get(name) ?? [];
      same.push(index);
      groups.set(name, same);
    }
    this.#context.charge(this.#groupCount);
    return groups;
  }
}

/** The position after the character at `from`; beyond the text at its end. */
export function nextPosition(text: ByteString, from: number): number {
  return from + Math.max(decodeRune(text, from).size, 1);
}

function matchOf(bounds: readonly number[], text: ByteString): Match {
  const boundOf = (index: number): number => bounds[index] ?? -1;
  return {
    start: boundOf(0),
    end: boundOf(1),
    group: (index) => (boundOf(2 * index) < 0 ? undefined : text.slice(boundOf(2 * index), boundOf(2 * index + 1))),
  };
}
