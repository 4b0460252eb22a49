import { CodedError } from '../../shared/errors.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { Log } from '../../shared/log.ts';
import type { PublishSlot, ConnectorSource } from '../publish/ports.ts';
import type { Owner } from '../../shared/limits/owner.ts';
import { limits } from '../../shared/limits/defaults.ts';
import type { LimitUsage, LimitObserver } from '../../shared/limits/limit-observer.ts';
import { earliestMs } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import type {
  Connector,
  ConnectorClass,
  ConnectorRef,
  FeatureFlags,
  ResolvedConnector,
} from '../../shared/connectors/model.ts';
import { connectorClassType, connectorType } from '../../shared/connectors/api-group.ts';
import { parseConnector } from '../../shared/connectors/parse-connector.ts';
import { parseConnectorClass } from '../../shared/connectors/parse-connector-class.ts';
import type { WatchLimits } from './watch-limits.ts';
import { ObjectMemoryQuota } from '../../shared/connectors/object-memory-quota.ts';
import { WatchedFlags } from '../../shared/connectors/watched-flags.ts';
import { OnDemandInformer } from './on-demand-informer.ts';
import { objectKey } from '../../shared/names.ts';

interface KubernetesConnectorsOptions {
  readonly client: KubeClient;
  /** Namespace of the ConfigMap `connectors-config`. */
  readonly namespace: string;
  readonly notFoundWaitMs: number;
  readonly watchLimits: WatchLimits;
  readonly observer: LimitObserver;
  readonly clock: Clock;
  readonly log: Log;
}

/** Connectors, classes and flags of the API server, cached and watched while a volume uses them. */
export class KubernetesConnectors implements ConnectorSource {
  readonly #connectors: OnDemandInformer<Connector>;
  readonly #classes: OnDemandInformer<ConnectorClass>;
  readonly #flags: WatchedFlags;
  readonly #memory: ObjectMemoryQuota;
  readonly #watchLimits: WatchLimits;
  /** By volume, releases its connectors. */
  readonly #retained = new Map<string, () => void>();
  #sweeper: NodeJS.Timeout | undefined;
  #onChange: () => void = () => undefined;

  constructor(options: KubernetesConnectorsOptions) {
    const { client, log, namespace, watchLimits, observer } = options;
    this.#watchLimits = watchLimits;
    this.#memory = new ObjectMemoryQuota(watchLimits.maxBytes, observer);
    const changed = (): void => this.#onChange();
    const shared = { ...options, memory: this.#memory, onChange: changed };
    this.#connectors = new OnDemandInformer({
      ...shared,
      type: connectorType,
      noun: 'connector',
      parse: parseConnector,
      maxObjectBytes: limits.objects.connectorBytes,
    });
    this.#classes = new OnDemandInformer({
      ...shared,
      type: connectorClassType,
      noun: 'connectorclass',
      parse: parseConnectorClass,
      maxObjectBytes: limits.objects.connectorClassBytes,
    });
    this.#flags = new WatchedFlags(client, namespace, log);
    this.#flags.onChange(changed);
  }

  start(): void {
    this.#flags.start();
    this.#sweeper = setInterval(() => this.#sweep(), this.#watchLimits.sweepMs).unref();
  }

  stop(): void {
    clearInterval(this.#sweeper);
    this.#flags.stop();
    this.#connectors.stop();
    this.#classes.stop();
  }

  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  acquire(refs: readonly ConnectorRef[], owner: Owner): () => void {
    return this.#connectors.acquire(refs, owner);
  }

  async resolve(refs: readonly ConnectorRef[], slot: PublishSlot): Promise<readonly ResolvedConnector[]> {
    return this.peek(refs) ?? slot.releaseWhile(() => Promise.all(refs.map((ref) => this.#resolveOne(ref, slot))));
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

  retain(volumeId: string, refs: readonly ConnectorRef[], owner: Owner): void {
    // The new references are added before the old ones are released, so that shared objects stay in use.
    const releases = refs.map((ref) => this.#retainOne(ref, owner));
    this.release(volumeId);
    this.#retained.set(volumeId, () => releases.forEach((release) => release()));
  }

  release(volumeId: string): void {
    this.#retained.get(volumeId)?.();
    this.#retained.delete(volumeId);
  }

  async flags(signal: AbortSignal): Promise<FeatureFlags> {
    return this.#flags.get(signal);
  }

  peekFlags(): FeatureFlags | undefined {
    return this.#flags.peek();
  }

  /** Returns why nothing can be read; undefined if it can. */
  problem(): string | undefined {
    return this.#flags.problem();
  }

  load(): Readonly<Record<'watches' | 'cached_object_bytes', LimitUsage>> {
    const watched = Math.max(this.#connectors.count, this.#classes.count);
    return {
      watches: { used: watched, capacity: this.#watchLimits.maxCount },
      cached_object_bytes: { used: this.#memory.used, capacity: this.#memory.limit },
    };
  }

  /** Time of the oldest confirmation by the server, by the client's clock. */
  get confirmedAtMs(): number | undefined {
    return earliestMs([this.#flags, this.#connectors, this.#classes].map(({ confirmedAtMs }) => confirmedAtMs));
  }

  #retainOne(ref: ConnectorRef, owner: Owner): () => void {
    const className = this.#connectors.peek(ref)?.className;
    this.#connectors.retain(ref, owner);
    if (className !== undefined) this.#classes.retain({ name: className }, owner);
    return () => {
      this.#connectors.release(ref, owner);
      if (className !== undefined) this.#classes.release({ name: className }, owner);
    };
  }

  async #resolveOne(ref: ConnectorRef, slot: PublishSlot): Promise<ResolvedConnector> {
    const connector = await this.#connectors.get(ref, slot);
    try {
      return { connector, connectorClass: await this.#classes.get({ name: connector.className }, slot) };
    } catch (error) {
      if (!(error instanceof CodedError) || error.code !== 'NOT_FOUND') throw error;
      throw new CodedError('NOT_FOUND', `${error.message}; connector ${objectKey(ref)} names it`, {
        cause: error,
      });
    }
  }

  #sweep(): void {
    this.#connectors.sweep();
    this.#classes.sweep();
  }
}
