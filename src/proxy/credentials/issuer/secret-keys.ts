import type { SecretObject } from '../../secrets/secret-source.ts';
import { proxyLimits } from '../../limits.ts';
import type { KeyProblem } from './issuer.ts';

const { listLength, listEntries, valueLength } = proxyLimits.issuedTokens;

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

  /**
   * Returns a key of a certain form.
   * @param expected the form, for the fix.
   * @param usual its value if it is not there; undefined: it must be there.
   */
  matching(key: string, form: RegExp, expected: string, usual?: string): string {
    const text = usual === undefined ? this.required(key) : (this.optional(key) ?? usual);
    if (text !== '' && !form.test(text)) {
      this.#report({ problem: `its ${key} cannot be used`, fix: `set it to ${expected}` });
    }
    return text;
  }

  /** Returns the trimmed parts of a key, without empty ones. */
  list(key: string, separator: RegExp): readonly string[] {
    const text = this.#secret.data.get(key)?.expose() ?? '';
    if (text.length > listLength) {
      const problem = `its ${key} has more than ${listLength} characters`;
      this.#report({ problem, fix: `shorten the key ${key}` });
      return [];
    }
    const parts = text.split(separator, listEntries + 1);
    if (parts.length > listEntries) {
      this.#report({ problem: `its ${key} has more than ${listEntries} entries`, fix: `shorten the key ${key}` });
      return [];
    }
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  }

  optional(key: string): string | undefined {
    const text = this.#secret.data.get(key)?.expose().trim() ?? '';
    if (text === '') return undefined;
    if (text.length <= valueLength && /^[^\p{Cc}]+$/u.test(text)) return text;
    const problem = `its ${key} has a control character, or more than ${valueLength} characters`;
    this.#report({ problem, fix: `correct the key ${key}` });
    return undefined;
  }

  #report(problem: KeyProblem): void {
    this.problem ??= problem;
  }
}
