import { CodedError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { Reflector } from '../kube/reflector.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { Log } from '../log.js';
import { defaultFlags, flagsConfigMapName, parseFeatureFlags } from './feature-flags.js';
import type { FeatureFlags } from './model.js';
import { notSyncedReason, waitForSync } from './wait-for-sync.js';

const configMapType: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const readingFlags = `reading configmap ${flagsConfigMapName}`;

/** The feature flags as they are now, watched. */
export class WatchedFlags {
  readonly #reflector: Reflector;
  readonly #parsed = new WeakMap<JsonObject, FeatureFlags | CodedError>();

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

  /** @throws {CodedError} when they have never been read, or cannot be understood; the signal's reason. */
  async get(signal: AbortSignal): Promise<FeatureFlags> {
    const { state } = this.#reflector;
    if (!state.isSynced) await waitForSync(state, signal, readingFlags);
    const flags = this.#current();
    if (flags instanceof CodedError) throw flags;
    return flags;
  }

  /** Undefined when they have never been read, or cannot be understood. */
  peek(): FeatureFlags | undefined {
    if (!this.#reflector.state.isSynced) return undefined;
    const flags = this.#current();
    return flags instanceof CodedError ? undefined : flags;
  }

  /** Why they cannot be read; undefined when they can. */
  problem(): string | undefined {
    return notSyncedReason(this.#reflector.state, readingFlags);
  }

  /** When the server last confirmed them, by the client's clock. */
  get confirmedAtMs(): number | undefined {
    return this.#reflector.state.confirmedAtMs;
  }

  /** An absent ConfigMap means the defaults. */
  #current(): FeatureFlags | CodedError {
    const { state } = this.#reflector;
    const [rejection] = state.rejected.values();
    if (rejection !== undefined) return rejection;
    const [configMap] = state.objects.values();
    if (configMap === undefined) return defaultFlags;
    let flags = this.#parsed.get(configMap);
    if (flags === undefined) {
      flags = parseFlagsOrError(configMap);
      this.#parsed.set(configMap, flags);
    }
    return flags;
  }
}

function parseFlagsOrError(configMap: JsonObject): FeatureFlags | CodedError {
  try {
    return parseFeatureFlags(configMap);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
}
