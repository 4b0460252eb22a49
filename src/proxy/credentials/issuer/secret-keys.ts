import type { SecretObject } from '../../secrets/secret-source.ts';
import { unusableSecret } from '../../secrets/secret-source.ts';
import { proxyLimits } from '../../limits.ts';

const { listLength, listEntries, valueLength } = proxyLimits.issuedTokens;

/**
 * Reads text keys of a Secret, without the white space around them that editors and `echo` append.
 * @throws {CodedError} for the first unusable one.
 */
export class SecretKeys {
  readonly #secret: SecretObject;

  constructor(secret: SecretObject) {
    this.#secret = secret;
  }

  has(key: string): boolean {
    return (this.#secret.data.get(key)?.expose().trim() ?? '') !== '';
  }

  required(key: string): string {
    const text = this.optional(key);
    if (text === undefined) throw unusableSecret(`it has no ${key}`, `add the key ${key}`);
    return text;
  }

  optional(key: string): string | undefined {
    const text = this.#secret.data.get(key)?.expose().trim() ?? '';
    if (text === '') return undefined;
    if (text.length <= valueLength && /^[^\p{Cc}]+$/u.test(text)) return text;
    const problem = `its ${key} has a control character, or more than ${valueLength} characters`;
    throw unusableSecret(problem, `correct the key ${key}`);
  }

  /**
   * Returns a key of a certain form.
   * @param expected the form, for the fix.
   * @param usual its value if it is not there; undefined: it must be there.
   */
  matching(key: string, form: RegExp, expected: string, usual?: string): string {
    const text = usual === undefined ? this.required(key) : (this.optional(key) ?? usual);
    if (!form.test(text)) throw unusableKey(key, expected);
    return text;
  }

  /** Returns the trimmed parts of a key, without empty ones. */
  list(key: string, separator: RegExp): readonly string[] {
    const text = this.#secret.data.get(key)?.expose() ?? '';
    const parts = text.length > listLength ? undefined : text.split(separator, listEntries + 1);
    if (parts === undefined || parts.length > listEntries) {
      const most = parts === undefined ? `${listLength} characters` : `${listEntries} entries`;
      throw unusableSecret(`its ${key} has more than ${most}`, `shorten the key ${key}`);
    }
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  }
}

/** Returns the error for a key of another form. */
export function unusableKey(key: string, expected: string): ReturnType<typeof unusableSecret> {
  return unusableSecret(`its ${key} cannot be used`, `set it to ${expected}`);
}
