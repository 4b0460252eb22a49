import { orCodedError } from '../errors.js';
import type { CodedError } from '../errors.js';
import type { JsonObject } from '../json.js';

/** Parses each object once, so that an unchanged object is the same value, or the same error if it is malformed. */
export class ParsedObjects<T extends object> {
  readonly #parse: (object: JsonObject) => T;
  readonly #parsed = new WeakMap<JsonObject, T | CodedError>();

  /** @param parse throws a CodedError for a malformed object. */
  constructor(parse: (object: JsonObject) => T) {
    this.#parse = parse;
  }

  of(object: JsonObject): T | CodedError {
    let parsed = this.#parsed.get(object);
    if (parsed === undefined) {
      parsed = orCodedError(() => this.#parse(object));
      this.#parsed.set(object, parsed);
    }
    return parsed;
  }
}
