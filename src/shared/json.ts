import { isDeepStrictEqual } from 'node:util';

/**
 * JSON as Kubernetes decodes unstructured objects. A number without fraction and exponent that fits 64 bits is an int64
 * (here a bigint), every other number a float64 (here a number). Integers beyond 2^53 stay exact.
 */
export type JsonValue = null | boolean | string | bigint | number | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * Parses JSON text and keeps how its numbers were written. A key such as `__proto__` is an ordinary own key.
 * @throws {SyntaxError} if the text is not JSON, repeats a key with another value, contains a number beyond float64, or
 * nests too deeply. The message contains the position, never the text.
 */
export function parseJson(text: string): JsonValue {
  return new Parser(text).document();
}

/** Parses JSON text as `parseJson`; undefined for other text. */
export function jsonIn(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns the JSON text of each member of an object, unparsed, so that a reader can skip members that are too large.
 * @throws {SyntaxError} if the text is no JSON object. Values are validated only when they are parsed.
 */
export function jsonMembers(text: string): Map<string, string> {
  return new Parser(text).members();
}

/** Returns the JSON text of each item of a list, as `jsonMembers`. @throws {SyntaxError} if the text is no list. */
export function jsonTexts(text: string): readonly string[] {
  return new Parser(text).items();
}

/** Maximum nesting. Objects need far less, and recursive functions over the value do not overflow the stack. */
const maxDepth = 1000;

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const minInt64 = -(1n << 63n);
const maxInt64 = (1n << 63n) - 1n;

/** Returns undefined if the number is too large for a float64, which Go rejects too. */
function parseNumber(text: string): bigint | number | undefined {
  // Longer numbers never fit an int64, and converting them takes more than linear time.
  if (text.length <= 20 && /^-?\d+$/.test(text)) {
    const value = BigInt(text);
    if (value >= minInt64 && value <= maxInt64) return value;
  }
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/**
 * An RFC 8259 parser. JSON.parse reads each string, so that strings are flat and share no memory with the text. Objects
 * of the API stay in memory for hours, and strings built character by character take 16 times their size.
 */
class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonValue {
    const value = this.#value();
    if (this.#at < this.#text.length) throw this.#error();
    return value;
  }

  members(): Map<string, string> {
    const members = new Map<string, string>();
    this.#whole('{', '}', () => {
      const key = this.#key();
      if (members.has(key)) throw this.#error();
      members.set(key, this.#skipped());
    });
    return members;
  }

  items(): readonly string[] {
    const items: string[] = [];
    this.#whole('[', ']', () => items.push(this.#skipped()));
    return items;
  }

  /** Reads a text that is one container. */
  #whole(open: string, close: string, readElement: () => void): void {
    this.#skipSpace();
    if (!this.#take(open)) throw this.#error();
    this.#elements(close, readElement);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error();
  }

  /** Returns the text of a value and the white space around it. */
  #skipped(): string {
    const start = this.#at;
    for (let depth = 0; ; this.#at += 1) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) this.#at = this.#endOfString();
      else if (code === 0x7b || code === 0x5b) depth += 1;
      else if (depth === 0 && (code === 0x2c || code === 0x7d || code === 0x5d)) break;
      else if (code === 0x7d || code === 0x5d) depth -= 1;
      else if (Number.isNaN(code)) throw this.#error();
    }
    if (this.#at === start) throw this.#error();
    return this.#text.slice(start, this.#at);
  }

  /** Parses a value and the white space around it. */
  #value(): JsonValue {
    this.#skipSpace();
    const value = this.#bareValue();
    this.#skipSpace();
    return value;
  }

  #bareValue(): JsonValue {
    switch (this.#text[this.#at]) {
      case '{':
      case '[':
        return this.#container();
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #container(): JsonValue {
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new SyntaxError('JSON nested too deep');
    const value = this.#text[this.#at] === '{' ? this.#object() : this.#array();
    this.#depth -= 1;
    return value;
  }

  #object(): JsonObject {
    const object: Record<string, JsonValue> = {};
    this.#at += 1;
    this.#elements('}', () => {
      const key = this.#key();
      const value = this.#value();
      if (Object.hasOwn(object, key) && !isDeepStrictEqual(object[key], value)) throw this.#error();
      if (key === '__proto__') {
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      } else object[key] = value;
    });
    return object;
  }

  #array(): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at += 1;
    this.#elements(']', () => items.push(this.#value()));
    // A list that has grown has capacity for 16 more items than it contains; a copy has not.
    return items.slice();
  }

  /** Reads the elements of a container up to its end. */
  #elements(close: string, readElement: () => void): void {
    this.#skipSpace();
    if (this.#take(close)) return;
    do readElement();
    while (this.#take(','));
    if (!this.#take(close)) throw this.#error();
  }

  /** Reads a member's key, with the colon. */
  #key(): string {
    this.#skipSpace();
    const key = this.#string();
    this.#skipSpace();
    if (!this.#take(':')) throw this.#error();
    return key;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') throw this.#error();
    const end = this.#endOfString();
    try {
      const value: unknown = JSON.parse(this.#text.slice(start, end + 1));
      this.#at = end + 1;
      return String(value);
    } catch {
      // The message of JSON.parse quotes the text.
      throw this.#error();
    }
  }

  /** Returns the position of the quote that ends the string at the current position. */
  #endOfString(): number {
    let end = this.#text.indexOf('"', this.#at + 1);
    while (end !== -1 && this.#isEscaped(end)) end = this.#text.indexOf('"', end + 1);
    if (end === -1) throw this.#error();
    return end;
  }

  /** Reports whether an odd number of backslashes precedes the position. */
  #isEscaped(position: number): boolean {
    let first = position;
    while (this.#text[first - 1] === '\\') first -= 1;
    return (position - first) % 2 === 1;
  }

  #number(): bigint | number {
    numberPattern.lastIndex = this.#at;
    const [found] = numberPattern.exec(this.#text) ?? [];
    const value = found === undefined ? undefined : parseNumber(found);
    if (found === undefined || value === undefined) throw this.#error();
    this.#at += found.length;
    return value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error();
    this.#at += word.length;
    return value;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #error(): SyntaxError {
    return new SyntaxError(`JSON is malformed at position ${this.#at}`);
  }
}

/** Reports whether the value is a JSON object, neither null nor a list. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the items of a list; none if the value is no list. */
export function jsonItems(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

/** Returns the strings of a list, without its other items; none if the value is no list. */
export function jsonStrings(value: JsonValue | undefined): readonly string[] {
  return jsonItems(value).filter((each) => typeof each === 'string');
}

/** Returns the value at a path of own members; undefined if a part is absent. */
export function jsonAt(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  return path.reduce(jsonMember, value);
}

/** Returns the own member `key` if it is an object; an empty object otherwise. */
export function jsonObject(value: JsonValue | undefined, key: string): JsonObject {
  const object = jsonMember(value, key);
  return isJsonObject(object) ? object : {};
}

/** Returns the own member `key` if it is a string and not empty. */
export function jsonText(value: JsonValue | undefined, key: string): string | undefined {
  const text = jsonMember(value, key);
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** Returns the own member `key`; undefined if it is absent or the value is not an object. Never reads the prototype. */
export function jsonMember(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Returns the JSON text of a value with bigints, which JSON.stringify rejects. Undefined members are left out. */
export function stringifyJson(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(stringifyJson).join(',')}]`;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${stringifyJson(member)}`).join(',')}}`;
}
