import { decodeRune, encodeRune, isAscii, runeError, toGoString, type ByteString } from '../byte-string.ts';
import { GoError, type CallContext } from '../function.ts';
import { ensureDepth } from '../limits.ts';
import { quote } from '../quote.ts';
import { anyMap, anySlice, anyType, type GoValue } from '../values.ts';
import { ByteBuilder } from '../byte-builder.ts';
import { appendedSlice } from '../capacity.ts';

/** Result of a decoder. As in Go, a number out of range is nil, with the error that `mustFromJson` fails with. */
interface DecodedJson {
  readonly value: GoValue;
  readonly error?: GoError | undefined;
}

const literals: readonly (readonly [text: string, value: GoValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

const simpleEscapes = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

function describeChar(char: string): string {
  if (char === "'") return `'\\''`;
  if (char === '"') return `'"'`;
  return `'${quote(toGoString(char)).slice(1, -1)}'`;
}

function invalidCharacter(char: string, where: string): GoError {
  return new GoError(`invalid character ${describeChar(char)} ${where}`);
}

/** Reads JSON text as encoding/json does, with its messages. At the end of the text Go's scanner sees one more space. */
class JsonReader {
  readonly #context: CallContext;
  readonly #text: ByteString;
  #at = 0;
  #rangeError: GoError | undefined;

  constructor(context: CallContext, text: ByteString) {
    this.#context = context;
    this.#text = text;
  }

  read(): DecodedJson {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#text.length) throw invalidCharacter(this.#peek(), 'after top-level value');
    return { value, error: this.#rangeError };
  }

  #peek(): string {
    return this.#text[this.#at] ?? ' ';
  }

  #skipSpace(): void {
    while (this.#at < this.#text.length && ' \t\r\n'.includes(this.#peek())) this.#at++;
  }

  /** The next character that is no white space, not taken. */
  #next(): string {
    this.#skipSpace();
    if (this.#at >= this.#text.length) throw new GoError('unexpected end of JSON input');
    return this.#peek();
  }

  #value(depth: number): GoValue {
    ensureDepth(depth);
    const char = this.#next();
    if (char === '{') return this.#object(depth + 1);
    if (char === '[') return this.#array(depth + 1);
    if (char === '"') return this.#string();
    if (char === '-' || /\d/.test(char)) return this.#number();
    for (const [text, value] of literals) {
      if (text.startsWith(char)) return this.#literal(text, value);
    }
    throw invalidCharacter(char, 'looking for beginning of value');
  }

  #literal(text: string, value: GoValue): GoValue {
    for (const expected of text) {
      if (this.#peek() !== expected) {
        throw invalidCharacter(this.#peek(), `in literal ${text} (expecting '${expected}')`);
      }
      this.#at++;
    }
    return value;
  }

  #array(depth: number): GoValue {
    const elements: GoValue[] = [];
    this.#at++;
    if (this.#next() === ']') {
      this.#at++;
      return anySlice(elements);
    }
    for (;;) {
      this.#context.allocate(32);
      elements.push(this.#value(depth));
      if (this.#ends(']', 'after array element')) return appendedSlice(anyType, elements);
    }
  }

  /** Takes the closing character, or the comma before another element. */
  #ends(close: string, where: string): boolean {
    const char = this.#next();
    if (char !== close && char !== ',') throw invalidCharacter(char, where);
    this.#at++;
    return char === close;
  }

  #object(depth: number): GoValue {
    const entries = new Map<ByteString, GoValue>();
    this.#at++;
    if (this.#next() === '}') {
      this.#at++;
      return anyMap(entries);
    }
    for (;;) {
      if (this.#next() !== '"') throw invalidCharacter(this.#peek(), 'looking for beginning of object key string');
      const key = this.#string();
      if (this.#next() !== ':') throw invalidCharacter(this.#peek(), 'after object key');
      this.#at++;
      this.#context.allocate(48);
      entries.set(key, this.#value(depth));
      if (this.#ends('}', 'after object key:value pair')) return anyMap(entries);
    }
  }

  #digits(where: string): void {
    if (!/\d/.test(this.#peek())) throw invalidCharacter(this.#peek(), where);
    while (/\d/.test(this.#peek())) this.#at++;
  }

  #number(): GoValue {
    const start = this.#at;
    if (this.#peek() === '-') this.#at++;
    if (this.#peek() === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (this.#peek() === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (/[eE]/.test(this.#peek())) {
      this.#at++;
      if (/[-+]/.test(this.#peek())) this.#at++;
      this.#digits('in exponent of numeric literal');
    }
    const text = this.#text.slice(start, this.#at);
    const value = Number(text);
    if (Number.isFinite(value)) return value;
    this.#rangeError ??= new GoError(`json: cannot unmarshal number ${text} into Go value of type float64`);
    return null;
  }

  #string(): ByteString {
    this.#at++;
    const out = new ByteBuilder();
    for (;;) {
      const start = this.#at;
      while (this.#at < this.#text.length && isPlain(this.#text.charCodeAt(this.#at))) this.#at++;
      if (this.#at >= this.#text.length) throw new GoError('unexpected end of JSON input');
      out.add(validUtf8(this.#text.slice(start, this.#at)));
      const char = this.#peek();
      this.#at++;
      if (char === '"') return out.toString();
      if (char !== '\\') throw invalidCharacter(char, 'in string literal');
      out.add(this.#escape());
    }
  }

  #escape(): ByteString {
    const char = this.#peek();
    const simple = simpleEscapes.get(char);
    if (simple === undefined && char !== 'u') throw invalidCharacter(char, 'in string escape code');
    this.#at++;
    return simple ?? encodeRune(this.#unicodeEscape());
  }

  /** A lone half of a surrogate pair is U+FFFD; a whole pair is one character. */
  #unicodeEscape(): number {
    const unit = this.#hexUnit();
    if (unit < 0xd800 || unit > 0xdfff) return unit;
    const after = this.#at;
    if (unit < 0xdc00 && this.#text.startsWith('\\u', after)) {
      this.#at += 2;
      const low = this.#hexUnit();
      if (low >= 0xdc00 && low <= 0xdfff) return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
      this.#at = after;
    }
    return runeError;
  }

  #hexUnit(): number {
    let unit = 0;
    for (let count = 0; count < 4; count++) {
      const char = this.#peek();
      if (!/[0-9a-fA-F]/.test(char)) throw invalidCharacter(char, 'in \\u hexadecimal character escape');
      unit = unit * 16 + Number.parseInt(char, 16);
      this.#at++;
    }
    return unit;
  }
}

/** Neither the end of a string nor an escape nor a control character, which JSON forbids. */
function isPlain(code: number): boolean {
  return code >= 0x20 && code !== 0x22 && code !== 0x5c;
}

function validUtf8(text: ByteString): ByteString {
  if (isAscii(text)) return text;
  const out = new ByteBuilder();
  for (let at = 0; at < text.length;) {
    const { rune, size } = decodeRune(text, at);
    out.addRune(rune);
    at += size;
  }
  return out.toString();
}

/**
 * encoding/json's Unmarshal into an interface: numbers are float64, objects dicts.
 * @throws {GoError} for text that is not JSON.
 */
export function decodeJson(context: CallContext, text: ByteString): DecodedJson {
  context.charge(text.length);
  return new JsonReader(context, text).read();
}
