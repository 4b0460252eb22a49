import { ByteBuilder } from '../byte-builder.ts';
import { isLetterRune, isNumberRune, isPunctRune, isSpaceRune, isUpperRune, lowerRune, upperRune } from './letters.ts';
import { decodeRune, runeError } from '../byte-string.ts';

type WordKind = 'none' | 'number' | 'upper' | 'alphabet' | 'connector' | 'punct' | 'other';

interface Word {
  readonly kind: WordKind;
  readonly text: string;
  readonly end: number;
}

function isConnector(rune: number): boolean {
  return rune === 0x2d || rune === 0x5f || isSpaceRune(rune);
}

/** Letters other than Chinese, Japanese and Korean ideographs, within the limits that xstrings draws. */
function isAlphabet(rune: number): boolean {
  if (!isLetterRune(rune)) return false;
  const ideograph =
    (rune >= 0x4e00 && rune <= 0x9fcc) || (rune >= 0x3400 && rune <= 0x4d85) || (rune >= 0x20000 && rune <= 0x2b81d);
  return !ideograph;
}

function kindOf(rune: number): WordKind {
  if (isConnector(rune)) return 'connector';
  if (isPunctRune(rune)) return 'punct';
  if (isUpperRune(rune)) return 'upper';
  if (isAlphabet(rune)) return 'alphabet';
  return isNumberRune(rune) ? 'number' : 'other';
}

/**
 * The next character that is not U+FFFD or invalid; its size includes the bytes skipped. At the end it is `previous`
 * again, so that trailing invalid bytes go with the word before them.
 */
function nextValid(text: string, from: number, previous: number): { rune: number; size: number } {
  let at = from;
  while (at < text.length) {
    const { rune, size } = decodeRune(text, at);
    at += size;
    if (rune !== runeError) return { rune, size: at - from };
  }
  return { rune: previous, size: at - from };
}

type Belongs = (rune: number, size: number) => boolean;

const isLowerAlphabet: Belongs = (rune) => isAlphabet(rune) && !isUpperRune(rune);

const belongsTo: Record<'connector' | 'punct' | 'alphabet' | 'number' | 'other', Belongs> = {
  connector: isConnector,
  punct: isPunctRune,
  alphabet: isLowerAlphabet,
  number: isNumberRune,
  other: (rune, size) =>
    size !== 0 && !isConnector(rune) && !isAlphabet(rune) && !isNumberRune(rune) && !isPunctRune(rune),
};

/** Where the run of characters that belong ends, with the last character seen and the size of the last one taken. */
function runFrom(
  text: string,
  from: number,
  first: number,
  belongs: Belongs,
): { end: number; last: number; lastSize: number } {
  let end = from;
  let last = first;
  let lastSize = 0;
  while (end < text.length) {
    const { rune, size } = nextValid(text, end, last);
    last = rune;
    if (!belongs(rune, size)) break;
    end += size;
    lastSize = size;
  }
  return { end, last, lastSize };
}

/** A word that starts with a capital: `Status`, `HTTP`, or the `HTTP` of `HTTPStatus`, whose S starts the next word. */
function upperWordEnd(text: string, from: number, first: number): number {
  if (from >= text.length) return from;
  const second = nextValid(text, from, first);
  if (!isUpperRune(second.rune)) {
    if (!isAlphabet(second.rune)) return from;
    return runFrom(text, from + second.size, second.rune, isLowerAlphabet).end;
  }
  const run = runFrom(text, from + second.size, second.rune, isUpperRune);
  const lastSize = run.lastSize === 0 ? second.size : run.lastSize;
  return run.end < text.length && isAlphabet(run.last) ? run.end - lastSize : run.end;
}

function nextWord(text: string, from: number): Word {
  if (from >= text.length) return { kind: 'none', text: '', end: from };
  const first = nextValid(text, from, runeError);
  const start = from + first.size;
  if (first.rune === runeError) return { kind: 'none', text: text.slice(from, start), end: start };
  const kind = kindOf(first.rune);
  const end =
    kind === 'upper' || kind === 'none'
      ? upperWordEnd(text, start, first.rune)
      : runFrom(text, start, first.rune, belongsTo[kind]).end;
  return { kind, text: text.slice(from, end), end };
}

/** Splits a name into words as xstrings does and joins them in lower case with a connector. */
class WordJoiner {
  readonly #text: string;
  readonly #connector: string;
  readonly #out = new ByteBuilder();
  #word: Word;

  constructor(text: string, connector: '_' | '-') {
    this.#text = text;
    this.#connector = connector;
    this.#word = nextWord(text, 0);
  }

  join(): string {
    while (this.#more()) {
      const previous = this.#word;
      if (previous.kind !== 'connector') this.#write(previous);
      this.#advance();
      if (previous.kind === 'connector') this.#write(previous);
      else if (previous.kind === 'number') this.#afterNumber();
      else if (previous.kind !== 'punct') this.#afterLetters();
    }
    this.#write(this.#word);
    return this.#out.toString();
  }

  #more(): boolean {
    return this.#word.end < this.#text.length;
  }

  #advance(): Word {
    this.#word = nextWord(this.#text, this.#word.end);
    return this.#word;
  }

  /** Letters in lower case and digits that follow belong to the same word: `2m3s`. */
  #afterNumber(): void {
    while (this.#word.kind === 'alphabet' || this.#word.kind === 'number') {
      this.#write(this.#word);
      this.#advance();
    }
    this.#connectUnless(['none', 'punct', 'connector']);
  }

  /** A number belongs to the word before it (`Bld4 Floor`) unless letters in lower case follow it (`http 2xx`). */
  #afterLetters(): void {
    if (this.#word.kind !== 'number') {
      this.#connectUnless(['connector', 'punct']);
      return;
    }
    if (!this.#more()) return;
    const number = this.#word;
    if (this.#advance().kind === 'alphabet') {
      this.#out.add(this.#connector);
      this.#write(number);
      this.#afterNumber();
      return;
    }
    this.#write(number);
    this.#connectUnless(['connector', 'punct']);
  }

  #connectUnless(kinds: readonly WordKind[]): void {
    if (!kinds.includes(this.#word.kind)) this.#out.add(this.#connector);
  }

  #write(word: Word): void {
    if (word.kind !== 'upper' && word.kind !== 'connector') {
      this.#out.add(word.text);
      return;
    }
    for (let at = 0; at < word.text.length;) {
      const { rune, size } = decodeRune(word.text, at);
      at += size;
      if (isConnector(rune)) this.#out.add(this.#connector);
      else this.#out.addRune(isUpperRune(rune) ? lowerRune(rune) : rune);
    }
  }
}

export function snakeCase(text: string): string {
  return new WordJoiner(text, '_').join();
}

export function kebabCase(text: string): string {
  return new WordJoiner(text, '-').join();
}

/** `some_words` to `SomeWords`: leading connectors stay, of a row of others all but the last do. */
export function camelCase(text: string): string {
  const out = new ByteBuilder();
  let at = 0;
  let current: number | undefined;
  while (at < text.length && current === undefined) {
    const { rune, size } = decodeRune(text, at);
    at += size;
    if (isConnector(rune)) out.addRune(rune);
    else current = upperRune(rune);
  }
  if (current === undefined) return camelTail(text, out);
  while (at < text.length) {
    const { rune, size } = decodeRune(text, at);
    at += size;
    const previous: number = current;
    if (isConnector(rune) && isConnector(previous)) {
      out.addRune(previous);
      current = rune;
      continue;
    }
    current = isConnector(previous) ? upperRune(rune) : lowerRune(rune);
    if (!isConnector(previous)) out.addRune(previous);
  }
  return out.addRune(current).toString();
}

/** xstrings writes the last of a text of connectors only twice. */
function camelTail(text: string, out: ByteBuilder): string {
  if (text === '') return '';
  const runes = out.toString();
  let last = 0;
  for (let at = 0; at < runes.length; at += decodeRune(runes, at).size) last = at;
  return runes + runes.slice(last);
}
