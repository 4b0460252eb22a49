import type { Awaitable } from '../awaitable.ts';
import { CodedError, orThrow } from '../errors.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { parsedOnce } from '../per-object.ts';
import { Reflector } from '../kube/reflector.ts';
import type { ResourceType } from '../kube/resource-location.ts';
import type { Log } from '../log.ts';
import { defaultFlags, flagsConfigMapName, parseFeatureFlags } from './feature-flags.ts';
import type { FeatureFlags } from './model.ts';
import { notSyncedReason, waitForSync } from './wait-for-sync.ts';

const configMapType: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const readingFlags = `reading configmap ${flagsConfigMapName}`;

/** The current feature flags, kept up to date by a watch. */
export class WatchedFlags {
  readonly #reflector: Reflector;
  readonly #parsed = parsedOnce(parseFeatureFlags);

  /** @param namespace of the ConfigMap `connectors-config`. */
  constructor(client: KubeClient, namespace: string, log: Log) {
    this.#reflector = new Reflector(client, { type: configMapType, namespace, name: flagsConfigMapName }, log);
  }

  start(): void {
    this.#reflector.start();
  }

  stop(): void {
    this.#reflector.stop();
  }

  onChange(listener: () => void): void {
    this.#reflector.state.onChange(listener);
  }

  /** @throws {CodedError} if the flags have never been read or are malformed; the signal's reason. */
  get(signal: AbortSignal): Awaitable<FeatureFlags> {
    const { state } = this.#reflector;
    return state.isSynced
      ? orThrow(this.#current())
      : waitForSync(state, signal, readingFlags).then(() => orThrow(this.#current()));
  }

  /** Returns undefined if the flags have never been read or are malformed. */
  peek(): FeatureFlags | undefined {
    if (!this.#reflector.state.isSynced) return undefined;
    const flags = this.#current();
    return flags instanceof CodedError ? undefined : flags;
  }

  /** Returns why the flags cannot be read; undefined if they can. */
  problem(): string | undefined {
    return notSyncedReason(this.#reflector.state, readingFlags);
  }

  /** When the server last confirmed the flags, by the client's clock. */
  get confirmedAtMs(): number | undefined {
    return this.#reflector.state.confirmedAtMs;
  }

  /** Without the ConfigMap the defaults apply. */
  #current(): FeatureFlags | CodedError {
    const { state } = this.#reflector;
    const [rejection] = state.rejected.values();
    if (rejection !== undefined) return rejection;
    const [configMap] = state.objects.values();
    return configMap === undefined ? defaultFlags : this.#parsed(configMap);
  }
}
