import { isInteger, parse } from 'lossless-json';

/**
 * JSON as Kubernetes decodes unstructured objects: a number written without fraction and exponent that fits 64 bits is
 * an int64 (here a bigint), every other number is a float64 (here a number). Integers beyond 2^53 stay exact.
 */
export type JsonValue = null | boolean | string | bigint | number | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/**
 * Parses JSON text without losing how its numbers were written. A key such as `__proto__` is an ordinary own key.
 * @throws {SyntaxError} when the text is not JSON, repeats a key with another value, or nests too deep.
 */
export function parseJson(text: string): JsonValue {
  try {
    return parse(text, undefined, { parseNumber }) as JsonValue;
  } catch (error) {
    if (error instanceof RangeError) throw new SyntaxError('JSON nested too deep', { cause: error });
    throw error;
  }
}

const minInt64 = -(1n << 63n);
const maxInt64 = (1n << 63n) - 1n;

function parseNumber(text: string): bigint | number {
  if (isInteger(text)) {
    const value = BigInt(text);
    if (value >= minInt64 && value <= maxInt64) return value;
  }
  return Number(text);
}

/** Whether the value is a JSON object (neither null nor a list). */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The own member `key`, undefined when it is absent or the value is not an object. Never reads the prototype. */
export function jsonMember(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
