import type { SecretName, SecretObject, SecretSource } from '../secrets/secret-source.js';

/** Records which Secret was read last, and its type. Never its data. */
export class RecordedSecrets implements SecretSource {
  readonly #secrets: SecretSource;
  #last: { readonly secret: string; readonly type: string | null } | undefined;

  constructor(secrets: SecretSource) {
    this.#secrets = secrets;
  }

  /** Returns the Secret that `read` reads last; undefined if it reads none. */
  async during(
    read: () => Promise<void>,
  ): Promise<{ readonly secret: string; readonly type: string | null } | undefined> {
    this.#last = undefined;
    await read();
    return this.#last;
  }

  async get(ref: SecretName, signal: AbortSignal): Promise<SecretObject | undefined> {
    const secret = `${ref.namespace}/${ref.name}`;
    this.#last = { secret, type: null };
    const found = await this.#secrets.get(ref, signal);
    if (found !== undefined) this.#last = { secret, type: found.type };
    return found;
  }

  expire(ref: SecretName): void {
    this.#secrets.expire(ref);
  }

  labelledCas(): readonly SecretObject[] {
    return this.#secrets.labelledCas();
  }
}
