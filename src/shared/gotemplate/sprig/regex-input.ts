import { decodeRune, toGoString, type ByteString } from '../byte-string.ts';
import type { CallContext } from '../function.ts';
import { Needle } from './needle.ts';

/** A text that re2js matches, with the methods of re2js's own inputs, UTF-16 and UTF-8. */
export interface EngineInput {
  /** The rune at `position` times 8 plus the bytes that it takes; `endOfText` past the end. */
  step(position: number): number;
  /** How far after `position` the literal stands with which every match of the program starts; negative: nowhere. */
  index(program: unknown, position: number): number;
  /** The conditions such as `^` and `\b` that hold before `position`, one bit each. */
  context(position: number): number;
  endPos(): number;
  canCheckPrefix(): boolean;
  prefixLength(): number;
  /** Whether a literal without which there is no match stands after `position`; may say yes when it does not know. */
  hasString(literal: { readonly str: string }, position: number): boolean;
  hasAnyString(): boolean;
}

const endOfText = -8;

const beginLine = 1;
const endLine = 2;
const beginText = 4;
const endOfTextCondition = 8;
const wordBoundary = 16;
const noWordBoundary = 32;

const newline = 10;

function isWord(rune: number): boolean {
  return (
    (rune >= 0x61 && rune <= 0x7a) || (rune >= 0x41 && rune <= 0x5a) || (rune >= 0x30 && rune <= 0x39) || rune === 0x5f
  );
}

/**
 * A byte string as re2js's input: positions are byte positions, and a byte that is not UTF-8 is one character, as in Go.
 * Counts each character that the engine looks at, however often it goes over the text: so a search is charged by what it
 * does, and stops in its midst at the limit.
 */
export class RegexInput implements EngineInput {
  readonly #context: CallContext;
  readonly #text: ByteString;
  readonly #prefix: Needle;
  readonly #stepsPerCharacter: number;
  /** Where each literal was found last; -1: nowhere from there on. */
  readonly #literals = new Map<string, number>();

  constructor(context: CallContext, text: ByteString, prefix: Needle, stepsPerCharacter: number) {
    this.#context = context;
    this.#text = text;
    this.#prefix = prefix;
    this.#stepsPerCharacter = stepsPerCharacter;
  }

  step(position: number): number {
    this.#context.charge(this.#stepsPerCharacter);
    if (position >= this.#text.length) return endOfText;
    const first = this.#text.charCodeAt(position);
    if (first < 0x80) return (first << 3) | 1;
    const { rune, size } = decodeRune(this.#text, position);
    return (rune << 3) | size;
  }

  index(_program: unknown, position: number): number {
    const found = this.#prefix.indexIn(this.#text, position);
    this.#context.charge(1 + (((found < 0 ? this.#text.length : found) - position) >> 4));
    return found < 0 ? -1 : found - position;
  }

  context(position: number): number {
    const before = this.#runeBefore(position);
    const after = position < this.#text.length ? decodeRune(this.#text, position).rune : -1;
    let conditions = isWord(before) === isWord(after) ? noWordBoundary : wordBoundary;
    if (before < 0) conditions |= beginText | beginLine;
    if (before === newline) conditions |= beginLine;
    if (after < 0) conditions |= endOfTextCondition | endLine;
    if (after === newline) conditions |= endLine;
    return conditions;
  }

  /** Which rune it is matters only where it is ASCII: all others are no words and no ends of lines. */
  #runeBefore(position: number): number {
    return position > 0 ? this.#text.charCodeAt(position - 1) : -1;
  }

  endPos(): number {
    return this.#text.length;
  }

  canCheckPrefix(): boolean {
    return true;
  }

  prefixLength(): number {
    return this.#prefix.text.length;
  }

  /** One search finds the literal; the searches after it ask again, and would each go the same way without this. */
  hasString({ str }: { readonly str: string }, position: number): boolean {
    const known = this.#literals.get(str);
    if (known !== undefined && (known < 0 || known >= position)) return known >= 0;
    const found = new Needle(this.#context, toGoString(str)).indexIn(this.#text, position);
    this.#context.charge(1 + (((found < 0 ? this.#text.length : found) - position) >> 4));
    this.#literals.set(str, found);
    return found >= 0;
  }

  hasAnyString(): boolean {
    return true;
  }
}
