import { inspect } from 'node:util';

const redacted = '[REDACTED]';

/**
 * A value that must not be printed. String conversion, JSON and inspection all return `[REDACTED]`. Only `expose()`
 * returns the value, so that every use can be found by that name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  expose(): string {
    return this.#value;
  }

  equals(other: Secret | undefined): boolean {
    return other !== undefined && this.#value === other.#value;
  }

  toString(): string {
    return redacted;
  }

  toJSON(): string {
    return redacted;
  }

  [inspect.custom](): string {
    return redacted;
  }
}
