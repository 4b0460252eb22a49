import type { Awaitable } from '../../shared/awaitable.ts';
import { proxyLimits } from '../limits.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { SingleFlight } from '../../shared/limits/single-flight.ts';
import { CodedError, orThrow } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';
import { isJsonObject } from '../../shared/json.ts';
import { apiFailure } from '../../shared/kube/api-failure.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { isKubeError } from '../../shared/kube/kube-error.ts';
import { metadataText } from '../../shared/kube/kube-object.ts';
import { parsedOnce } from '../../shared/per-object.ts';
import { Reflector } from '../../shared/kube/reflector.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import type { Log } from '../../shared/log.ts';
import type { ThreadShares } from '../thread-shares.ts';
import type { SecretName, SecretObject, SecretSource } from './secret-source.ts';
import { caLabel, parseSecret } from './secret-source.ts';
import { objectKey } from '../../shared/names.ts';

export const secretType: ResourceType = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets' };

const keptForMs = proxyLimits.secrets.ttlMs;
/** Memory of a Secret's objects and strings in addition to its data. */
const overheadBytes = 1024;

interface CachedSecret {
  /** The Secret; undefined if it does not exist, an error if it is unusable. */
  readonly secret: SecretObject | CodedError | undefined;
  readonly version: string | undefined;
  readMs: number;
}

/**
 * Secrets from the API server, read on use and cached briefly. For the namespaces of Connectors, the proxy has
 * permission to get Secrets but not to watch them.
 */
export class KubernetesSecrets implements SecretSource {
  readonly #client: KubeClient;
  readonly #threads: ThreadShares;
  readonly #cas: Reflector;
  readonly #cache = new BoundedMap<CachedSecret>(proxyLimits.secrets.cachedBytes);
  readonly #reads = new SingleFlight<SecretObject | undefined>();
  readonly #parsedCas = parsedOnce(parseSecret);

  /** @param namespace the proxy's. @param threads charged for parsing: a Secret with many keys takes 0.25 s. */
  constructor(client: KubeClient, namespace: string, threads: ThreadShares, log: Log) {
    this.#client = client;
    this.#threads = threads;
    this.#cas = new Reflector(client, { type: secretType, namespace, labelSelector: `${caLabel}=true` }, log);
  }

  start(): void {
    this.#cas.start();
  }

  stop(): void {
    this.#cas.stop();
  }

  get(ref: SecretName, signal: AbortSignal): Awaitable<SecretObject | undefined> {
    const key = objectKey(ref);
    const cached = this.#cache.get(key);
    if (cached !== undefined && this.#client.clock.now() - cached.readMs < keptForMs) return orThrow(cached.secret);
    return this.#reads.run(key, signal, (shared) => this.#read(key, ref, shared));
  }

  expire({ namespace, name }: SecretName): void {
    const key = `${namespace}/${name}`;
    const cached = this.#cache.get(key);
    if (cached !== undefined) cached.readMs = -Infinity;
  }

  labelledCas(): readonly SecretObject[] {
    return [...this.#cas.state.objects.values()].map((object) => orThrow(this.#parsedCas(object)));
  }

  async #read(key: string, ref: SecretName, signal: AbortSignal): Promise<SecretObject | undefined> {
    const { namespace } = ref;
    await this.#threads.wait(namespace, `too many long Secrets of namespace ${namespace}`, signal);
    const readMs = this.#client.clock.now();
    const cached = this.#cache.get(key);
    const object = await this.#fetch(ref, signal);
    const bytes = object === undefined ? 0 : dataBytes(object);
    if (bytes > proxyLimits.secrets.objectBytes) {
      const secret = tooLarge(key);
      // Cached, so that requests do not read the large Secret again and again.
      this.#cache.set(key, { secret, version: undefined, readMs }, ref.namespace, overheadBytes);
      throw secret;
    }
    const version = object && metadataText(object, 'resourceVersion');
    // An unchanged Secret stays the same object, because tokens of registries and trust stores are cached with it as
    // key.
    const isSame = version !== undefined && cached?.version === version;
    const secret = isSame
      ? orThrow(cached.secret)
      : object && this.#threads.measure(namespace, () => parseSecret(object));
    this.#cache.set(key, { secret, version, readMs }, ref.namespace, bytes + overheadBytes);
    return secret;
  }

  async #fetch(ref: SecretName, signal: AbortSignal): Promise<JsonObject | undefined> {
    const { namespace, name } = ref;
    try {
      return await this.#client.get({ type: secretType, namespace, name }, { signal }, (parse) =>
        this.#threads.measure(namespace, parse),
      );
    } catch (error) {
      if (isKubeError(error, 404)) return undefined;
      this.#cache.delete(`${namespace}/${name}`);
      if (isKubeError(error, 403)) {
        const message = `the proxy cannot read secret ${namespace}/${name}: bind its service account in "${namespace}" to the ClusterRole connectors-proxy-credentials with a RoleBinding`;
        throw new CodedError('FAILED_PRECONDITION', message, { cause: error });
      }
      throw apiFailure(error, { doing: `reading secret ${namespace}/${name}`, problem: this.#client.problem });
    }
  }
}

function tooLarge(key: string): CodedError {
  const limit = `${proxyLimits.secrets.objectBytes / 1024} KiB`;
  const message = `Secret ${key} is larger than ${limit}: leave only the credential or the CA in it`;
  return new CodedError('FAILED_PRECONDITION', message);
}

/** Returns the size of a Secret's data once decoded. */
function dataBytes(object: JsonObject): number {
  const data = object['data'];
  if (!isJsonObject(data)) return 0;
  return Object.values(data).reduce(
    (sum: number, text) => sum + (typeof text === 'string' ? text.length * 0.75 : 0),
    0,
  );
}
