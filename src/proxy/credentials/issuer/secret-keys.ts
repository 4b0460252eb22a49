import type { SecretObject } from '../../secrets/secret-source.js';
import type { KeyProblem } from './issuer.js';

/** No provider has longer names. Private keys have a limit of their own. */
const maxLength = 4096;
const maxListLength = 64 * 1024;
/** Entries of a list, with blank ones. Each request reads them. */
const maxListEntries = 1000;

/**
 * Reads text keys of a Secret, without the white space around them that editors and `echo` append.
 * @returns the problem of the first unusable one.
 */
export class SecretKeys {
  readonly #secret: SecretObject;
  problem: KeyProblem | undefined;

  constructor(secret: SecretObject) {
    this.#secret = secret;
  }

  has(key: string): boolean {
    return (this.#secret.data.get(key)?.expose().trim() ?? '') !== '';
  }

  /** Returns a key that must be there; otherwise empty, with a problem. */
  required(key: string): string {
    const text = this.optional(key);
    if (text === undefined) this.#report({ problem: `it has no ${key}`, fix: `add the key ${key}` });
    return text ?? '';
  }

  /** Returns the trimmed lines of a key, also separated by commas. */
  lines(key: string): readonly string[] {
    return this.#split(key, /[\n,]/);
  }

  /** Returns the words of a key, separated by white space or commas. */
  list(key: string): readonly string[] {
    return this.#split(key, /[\s,]+/);
  }

  #split(key: string, separator: RegExp): readonly string[] {
    const text = this.#secret.data.get(key)?.expose() ?? '';
    if (text.length > maxListLength) {
      const problem = `its ${key} has more than ${maxListLength} characters`;
      this.#report({ problem, fix: `shorten the key ${key}` });
      return [];
    }
    const parts = text.split(separator, maxListEntries + 1);
    if (parts.length > maxListEntries) {
      this.#report({ problem: `its ${key} has more than ${maxListEntries} entries`, fix: `shorten the key ${key}` });
      return [];
    }
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  }

  optional(key: string): string | undefined {
    const text = this.#secret.data.get(key)?.expose().trim() ?? '';
    if (text === '') return undefined;
    if (text.length <= maxLength && /^[^\p{Cc}]+$/u.test(text)) return text;
    const problem = `its ${key} has a control character, or more than ${maxLength} characters`;
    this.#report({ problem, fix: `correct the key ${key}` });
    return undefined;
  }

  #report(problem: KeyProblem): void {
    this.problem ??= problem;
  }
}
