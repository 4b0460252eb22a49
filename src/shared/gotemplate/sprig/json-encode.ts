import { decodeRune, isAscii, runeError, type ByteString } from '../byte-string.ts';
import { GoError, type CallContext } from '../function.ts';
import type { GoObject } from '../values.ts';
import { ensureDepth } from '../limits.ts';
import { GoComplex, GoInt, GoMap, GoSlice, isObject, typeName, type GoValue } from '../values.ts';
import { ByteBuilder, type ByteTable, byteTable, replaceBytes } from '../byte-builder.ts';
import type { Instant } from './instant.ts';
import { versionTextOf } from './semver.ts';
import { rfc3339, timeType } from './time-type.ts';

export interface JsonStyle {
  /** Writes `<`, `>` and `&` as escapes, so that the text can stand in HTML. */
  readonly escapeHtml: boolean;
  /** One level of indentation; empty: everything on one line. */
  readonly indent: ByteString;
}

const shortEscapes = new Map([
  ['"', '\\"'],
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function escapes(alsoHtml: boolean): ByteTable {
  return byteTable((byte) => {
    const isEscaped = byte < ' ' || byte === '"' || byte === '\\' || (alsoHtml && '<>&'.includes(byte));
    if (!isEscaped) return undefined;
    return shortEscapes.get(byte) ?? `\\u${byte.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const plainEscapes = escapes(false);
const htmlEscapes = escapes(true);

/** A JSON string. Bytes that are not UTF-8, and the line separators U+2028 and U+2029, are written as escapes. */
function jsonString(text: ByteString, escapeHtml: boolean): ByteString {
  const plain = replaceBytes(text, escapeHtml ? htmlEscapes : plainEscapes);
  return `"${isAscii(plain) ? plain : withUnicodeEscapes(plain)}"`;
}

function withUnicodeEscapes(text: ByteString): ByteString {
  const out = new ByteBuilder();
  for (let at = 0; at < text.length;) {
    const { rune, size } = decodeRune(text, at);
    const mustEscape = (rune === runeError && size === 1) || rune === 0x2028 || rune === 0x2029;
    out.add(mustEscape ? `\\u${rune.toString(16)}` : text.slice(at, at + size));
    at += size;
  }
  return out.toString();
}

function jsonNumber(value: number): ByteString {
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
    throw new GoError(`json: unsupported value: ${name}`);
  }
  return Object.is(value, -0) ? '-0' : value.toString();
}

class JsonWriter {
  readonly #context: CallContext;
  readonly #style: JsonStyle;
  readonly #out = new ByteBuilder();
  readonly #path = new Set<GoValue>();

  constructor(context: CallContext, style: JsonStyle) {
    this.#context = context;
    this.#style = style;
  }

  write(value: GoValue, depth: number): ByteString {
    this.#value(value, depth);
    return this.#out.toString();
  }

  #add(text: ByteString): void {
    this.#context.charge(2);
    this.#context.allocate(text.length);
    this.#out.add(text);
  }

  #value(value: GoValue, depth: number): void {
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#add(jsonNumber(value));
    else if (value === null || typeof value === 'boolean') this.#add(String(value));
    else if (value instanceof GoInt) this.#add(value.value.toString());
    else if (value instanceof GoSlice) this.#slice(value, depth);
    else if (value instanceof GoMap) this.#map(value, depth);
    else this.#object(value);
  }

  #string(text: ByteString): void {
    this.#context.charge(text.length / 8);
    this.#add(jsonString(text, this.#style.escapeHtml));
  }

  #object(value: GoObject | GoComplex): void {
    if (value instanceof GoComplex) throw new GoError('json: unsupported type: complex128');
    const version = versionTextOf(value);
    if (version !== undefined) this.#string(version);
    else if (isObject(value, timeType)) this.#string(timeJson(value));
    else this.#add(value.type.integer?.(value.data).toString() ?? '{}');
  }

  #slice(slice: GoSlice, depth: number): void {
    if (slice.isNil) this.#add('null');
    else if (slice.elementType === 'uint8') this.#add(base64Of(slice));
    else {
      this.#nested(slice, '[', ']', slice.length, depth, (index, below) => {
        this.#value(slice.at(index), below);
      });
    }
  }

  #map(map: GoMap, depth: number): void {
    if (map.isNil) {
      this.#add('null');
      return;
    }
    this.#context.allocate(16 * map.entries.size);
    const keys = map.sortedKeys();
    this.#nested(map, '{', '}', keys.length, depth, (index, below) => {
      const key = keys[index] ?? '';
      this.#string(key);
      this.#add(this.#style.indent === '' ? ':' : ': ');
      this.#value(map.entries.get(key) ?? null, below);
    });
  }

  #nested(
    value: GoMap | GoSlice,
    open: string,
    close: string,
    count: number,
    depth: number,
    writeElement: (index: number, below: number) => void,
  ): void {
    if (this.#path.has(value)) {
      throw new GoError(`json: unsupported value: encountered a cycle via ${typeName(value)}`);
    }
    ensureDepth(depth);
    const below = depth + 1;
    this.#path.add(value);
    this.#add(open);
    for (let index = 0; index < count; index++) {
      this.#context.charge(2);
      if (index > 0) this.#add(',');
      this.#newLine(below);
      writeElement(index, below);
    }
    if (count > 0) this.#newLine(depth);
    this.#add(close);
    this.#path.delete(value);
  }

  #newLine(depth: number): void {
    const { indent } = this.#style;
    if (indent === '') return;
    this.#context.allocate(depth * indent.length);
    this.#out.add(`\n${indent.repeat(depth)}`);
  }
}

function timeJson(value: GoObject<Instant>): ByteString {
  try {
    return rfc3339(value.data);
  } catch (error) {
    if (!(error instanceof GoError)) throw error;
    throw new GoError(`json: error calling MarshalJSON for type time.Time: ${error.text}`);
  }
}

function base64Of(slice: GoSlice): ByteString {
  const bytes = slice.toArray().map((byte) => (byte instanceof GoInt ? Number(byte.value) : 0));
  return `"${Buffer.from(bytes).toString('base64')}"`;
}

/**
 * encoding/json's Marshal.
 * @throws {GoError} for values that JSON cannot hold.
 */
export function encodeJson(context: CallContext, value: GoValue, style: JsonStyle): ByteString {
  return new JsonWriter(context, style).write(value, 0);
}
