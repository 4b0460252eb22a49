import assert from 'node:assert/strict';

/** Shorter texts, such as user names, can be anywhere by chance. */
const minLength = 16;

/** Texts that must be in nothing that anybody may read: passwords, keys and tokens, also as a header or a URL has them. */
export class Canaries {
  readonly #texts = new Set<string>();

  constructor(...texts: readonly string[]) {
    for (const text of texts) this.#add(text);
  }

  /** Adds the values of a Secret, line by line, as a private key has them. Certificates and URLs are no secrets. */
  addSecret(values: Readonly<Record<string, unknown>>): void {
    const lines = Object.values(values)
      .map(String)
      .filter((value) => !value.includes('BEGIN CERTIFICATE'))
      .flatMap((value) => value.split(/\n|\\n/));
    for (const line of lines) {
      const isSecret = line.length >= minLength && !/^https?:/.test(line) && !line.includes('PRIVATE KEY');
      if (isSecret) this.#add(line);
    }
  }

  /** @param where for the message, which does not have the text. */
  assertAbsent(text: string, where: string): void {
    const comparable = text.replaceAll('-', '+').replaceAll('_', '/');
    for (const canary of this.#texts) assert.ok(!comparable.includes(canary), `a credential is in ${where}`);
  }

  /** As `assertAbsent`, for what others than the pod may read: a pod's token must not be there either. */
  assertPublic(text: string, where: string): void {
    this.assertAbsent(text, where);
    assert.doesNotMatch(text, /eyJ[-\w]+\.eyJ/, `a token is in ${where}`);
  }

  /** Both alphabets of base64 are one here: `-` is `+`, and `_` is `/`. */
  #add(text: string): void {
    for (const form of [text, encodeURIComponent(text), ...inBase64(text)]) {
      this.#texts.add(form.replaceAll('-', '+').replaceAll('_', '/'));
    }
  }
}

/** The part of a text in base64 that is the same whatever is before and after it, for each position in a group. */
function inBase64(text: string): readonly string[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.from(' '.repeat(offset) + text).toString('base64');
    const usable = Math.floor(((offset + Buffer.byteLength(text)) * 8) / 6);
    return encoded.slice(Math.ceil((offset * 8) / 6), usable);
  });
}
