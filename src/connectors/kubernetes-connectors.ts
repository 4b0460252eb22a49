import { DriverError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { Reflector } from '../kube/reflector.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { Log } from '../log.js';
import type { Call } from '../load/call.js';
import type { Clock } from '../clock.js';
import type { Connector, ConnectorClass, ConnectorRef, FeatureFlags, ResolvedConnector } from './model.js';
import type { ConnectorSource } from './connector-source.js';
import { connectorsApiVersion } from './api-group.js';
import { defaultFlags, flagsConfigMapName, parseFeatureFlags } from './feature-flags.js';
import { parseConnector } from './parse-connector.js';
import { parseConnectorClass } from './parse-connector-class.js';
import { unreadReason, untilRead } from './until-read.js';
import { WatchedObjects } from './watched-objects.js';

const connectorType: ResourceType = { apiVersion: connectorsApiVersion, kind: 'Connector', plural: 'connectors' };
const connectorClassType: ResourceType = {
  apiVersion: connectorsApiVersion,
  kind: 'ConnectorClass',
  plural: 'connectorclasses',
};
const configMapType: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };

export interface UnusedWatches {
  /** Milliseconds that an object stays watched after its last use, since the next pod of a pipeline is often near. */
  readonly idleMs: number;
  /** Milliseconds between the looks for such objects. */
  readonly sweepMs: number;
  /** Objects of one kind beyond which the unused go at once and, when all are used, no more are watched. */
  readonly maxCount: number;
}

/** As `serve` has it: a full node of 110 pods may use nine connectors in each. */
export const unusedWatches: UnusedWatches = { idleMs: 5 * 60_000, sweepMs: 60_000, maxCount: 1000 };

const readingFlags = `reading configmap ${flagsConfigMapName}`;

export interface KubernetesConnectorsOptions {
  readonly client: KubeClient;
  /** Namespace of the ConfigMap `connectors-config`. */
  readonly namespace: string;
  readonly notFoundWaitMs: number;
  readonly unusedWatches: UnusedWatches;
  readonly clock: Clock;
  readonly log: Log;
}

/** Connectors, classes and flags from the API server, in memory and watched while a volume uses them. */
export class KubernetesConnectors implements ConnectorSource {
  readonly #connectors: WatchedObjects<Connector>;
  readonly #classes: WatchedObjects<ConnectorClass>;
  readonly #flagsReflector: Reflector;
  readonly #retained = new Map<string, readonly ConnectorRef[]>();
  readonly #parsedFlags = new WeakMap<JsonObject, FeatureFlags | DriverError>();
  readonly #sweepMs: number;
  #sweeper: NodeJS.Timeout | undefined;
  #onChange: () => void = () => undefined;

  constructor(options: KubernetesConnectorsOptions) {
    const { client, log, namespace } = options;
    const changed = (): void => this.#onChange();
    const watched = { ...options, ...options.unusedWatches, onChange: changed };
    this.#sweepMs = options.unusedWatches.sweepMs;
    this.#connectors = new WatchedObjects({
      ...watched,
      type: connectorType,
      noun: 'connector',
      parse: parseConnector,
      inUse: () => this.#connectorsInUse(),
    });
    this.#classes = new WatchedObjects({
      ...watched,
      type: connectorClassType,
      noun: 'connectorclass',
      parse: parseConnectorClass,
      inUse: () => this.#classesInUse(),
    });
    this.#flagsReflector = new Reflector(client, { type: configMapType, namespace, name: flagsConfigMapName }, log);
    this.#flagsReflector.state.onChange(changed);
  }

  start(): void {
    this.#flagsReflector.start();
    this.#sweeper = setInterval(() => this.#sweep(), this.#sweepMs).unref();
  }

  stop(): void {
    clearInterval(this.#sweeper);
    this.#flagsReflector.stop();
    this.#connectors.stop();
    this.#classes.stop();
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  async resolve(refs: readonly ConnectorRef[], call: Call): Promise<readonly ResolvedConnector[]> {
    return this.peek(refs) ?? call.idleWhile(() => Promise.all(refs.map((ref) => this.#resolveOne(ref, call.signal))));
  }

  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined {
    const resolved: ResolvedConnector[] = [];
    for (const ref of refs) {
      const connector = this.#connectors.peek(ref);
      if (connector === undefined) return undefined;
      const connectorClass = this.#classes.peek({ name: connector.className });
      if (connectorClass === undefined) return undefined;
      resolved.push({ connector, connectorClass });
    }
    return resolved;
  }

  retain(volumeId: string, refs: readonly ConnectorRef[]): void {
    this.#retained.set(volumeId, refs);
  }

  release(volumeId: string): void {
    this.#retained.delete(volumeId);
  }

  async flags(signal: AbortSignal): Promise<FeatureFlags> {
    const { state } = this.#flagsReflector;
    if (!state.isSynced) await untilRead(state, signal, readingFlags);
    const flags = this.#currentFlags();
    if (flags instanceof DriverError) throw flags;
    return flags;
  }

  peekFlags(): FeatureFlags | undefined {
    if (!this.#flagsReflector.state.isSynced) return undefined;
    const flags = this.#currentFlags();
    return flags instanceof DriverError ? undefined : flags;
  }

  /** Why nothing can be read; undefined when it can. */
  problem(): string | undefined {
    return unreadReason(this.#flagsReflector.state, readingFlags);
  }

  cachedObjects(): Readonly<Record<string, number>> {
    return { connectors: this.#connectors.count, connectorclasses: this.#classes.count };
  }

  async #resolveOne(ref: ConnectorRef, signal: AbortSignal): Promise<ResolvedConnector> {
    const connector = await this.#connectors.get(ref, signal);
    try {
      return { connector, connectorClass: await this.#classes.get({ name: connector.className }, signal) };
    } catch (error) {
      if (!(error instanceof DriverError) || error.code !== 'NOT_FOUND') throw error;
      throw new DriverError('NOT_FOUND', `${error.message}; connector ${ref.namespace}/${ref.name} names it`, {
        cause: error,
      });
    }
  }

  /** An absent ConfigMap means the defaults. */
  #currentFlags(): FeatureFlags | DriverError {
    const [configMap] = this.#flagsReflector.state.objects.values();
    if (configMap === undefined) return defaultFlags;
    let flags = this.#parsedFlags.get(configMap);
    if (flags === undefined) {
      flags = parseFlagsOrError(configMap);
      this.#parsedFlags.set(configMap, flags);
    }
    return flags;
  }

  #sweep(): void {
    this.#connectors.sweep();
    this.#classes.sweep();
  }

  #connectorsInUse(): ReadonlySet<string> {
    const refs = [...this.#retained.values()].flat();
    return new Set(refs.map(({ namespace, name }) => `${namespace}/${name}`));
  }

  #classesInUse(): ReadonlySet<string> {
    const refs = [...this.#retained.values()].flat();
    return new Set(refs.flatMap((ref) => this.#connectors.peek(ref)?.className ?? []));
  }
}

function parseFlagsOrError(configMap: JsonObject): FeatureFlags | DriverError {
  try {
    return parseFeatureFlags(configMap);
  } catch (error) {
    if (error instanceof DriverError) return error;
    throw error;
  }
}
