import type { SecretObject } from '../secret-source.js';
import type { KeyProblem } from './issuer.js';

/** No provider has longer names. Private keys have a limit of their own. */
const maxLength = 4096;

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
