import type { JsonObject } from '../../shared/json.js';
import { jsonMember } from '../../shared/json.js';
import type { SecretName, SecretObject, SecretSource } from './secret-source.js';
import { caLabel, parseSecret } from './secret-source.js';

/** Secrets from manifests. */
export class ManifestSecrets implements SecretSource {
  readonly #objects: () => readonly JsonObject[];
  readonly #namespace: string;
  readonly #parsed = new WeakMap<JsonObject, SecretObject>();

  /**
   * @param objects returns the current objects of all kinds.
   * @param namespace the proxy's.
   */
  constructor(objects: () => readonly JsonObject[], namespace: string) {
    this.#objects = objects;
    this.#namespace = namespace;
  }

  get({ namespace, name }: SecretName): Promise<SecretObject | undefined> {
    return Promise.resolve(
      this.#secrets()
        .map(([secret]) => secret)
        .find(({ ref }) => ref.namespace === namespace && ref.name === name),
    );
  }

  /** Does nothing: nothing is cached. */
  expire(): undefined {
    return undefined;
  }

  labelledCas(): readonly SecretObject[] {
    return this.#secrets().flatMap(([secret, object]) => {
      const label = jsonMember(jsonMember(object['metadata'], 'labels'), caLabel);
      return secret.ref.namespace === this.#namespace && label === 'true' ? [secret] : [];
    });
  }

  #secrets(): readonly [SecretObject, JsonObject][] {
    return this.#objects().flatMap((object) => {
      if (object['kind'] !== 'Secret' || object['apiVersion'] !== 'v1') return [];
      const secret = this.#parsed.get(object) ?? parseSecret(object);
      if (secret === undefined) return [];
      this.#parsed.set(object, secret);
      return [[secret, object] as [SecretObject, JsonObject]];
    });
  }
}
