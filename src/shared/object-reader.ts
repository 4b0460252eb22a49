import { CodedError } from './errors.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { isJsonObject, jsonMember } from './json.ts';

/**
 * Reads fields of an untrusted object, in which any part can be missing or have another type. Errors name the object
 * and the field's path. Null counts as missing, as in Kubernetes.
 */
export class ObjectReader {
  readonly #owner: string;
  readonly #path: string;
  readonly #value: JsonObject;

  /** @param owner name of the object in errors, such as `connector ci/harbor`. */
  constructor(owner: string, value: JsonObject, path = '') {
    this.#owner = owner;
    this.#value = value;
    this.#path = path;
  }

  /** @throws {CodedError} FAILED_PRECONDITION if the field exists and is not a string. */
  optionalString(key: string): string | undefined {
    const value = this.#member(key);
    if (value === undefined || typeof value === 'string') return value;
    throw this.malformed(key, 'must be a string');
  }

  /** @throws {CodedError} FAILED_PRECONDITION if the field is missing, empty or not a string. */
  requiredString(key: string): string {
    const value = this.optionalString(key);
    if (value === undefined || value === '') throw this.malformed(key, 'must be set');
    return value;
  }

  /** Returns a reader of the object at `key`; of an empty one if the field is missing. */
  child(key: string): ObjectReader {
    const value = this.#member(key) ?? {};
    if (!isJsonObject(value)) throw this.malformed(key, 'must be an object');
    return new ObjectReader(this.#owner, value, this.#pathOf(key));
  }

  /** Returns readers of the objects in the list at `key`; none if the field is missing. */
  children(key: string): readonly ObjectReader[] {
    return this.list(key).map((item, index) => {
      if (!isJsonObject(item)) throw this.malformed(`${key}[${index}]`, 'must be an object');
      return new ObjectReader(this.#owner, item, this.#pathOf(`${key}[${index}]`));
    });
  }

  list(key: string): readonly JsonValue[] {
    const value = this.#member(key) ?? [];
    if (!Array.isArray(value)) throw this.malformed(key, 'must be a list');
    return value as readonly JsonValue[];
  }

  has(key: string): boolean {
    return this.#member(key) !== undefined;
  }

  value(key: string): JsonValue | undefined {
    return this.#member(key);
  }

  keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  malformed(key: string, problem: string): CodedError {
    return new CodedError('FAILED_PRECONDITION', `${this.#owner}: ${this.#pathOf(key)} ${problem}`);
  }

  #pathOf(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }

  #member(key: string): JsonValue | undefined {
    return jsonMember(this.#value, key) ?? undefined;
  }
}
