import { setMaxListeners } from 'node:events';
import type { Clock } from '../../clock.js';
import type { Connector } from '../../connectors/model.js';
import { DriverError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import { generationOf } from '../../kube/kube-object.js';
import type { Log } from '../../log.js';
import { FairGate } from '../../load/fair-gate.js';
import { limits } from '../../load/limits.js';
import type { AuthoritySource } from '../certificates/authority-source.js';
import { conditionOf, conditionsIn, merged } from './conditions.js';
import type { ConnectorCheck } from './connector-check.js';
import { ConnectorJudge, newMemory } from './connector-judge.js';
import type { Memory, StatusTimings } from './connector-judge.js';
import { DueTimes } from './due-times.js';
import type { ProxyService } from './proxy-service.js';
import { classUrl, connectorUrl, isFrontedBy } from './proxy-service.js';
import { statusChange } from './status-change.js';
import type { OwnStatus } from './status-change.js';
import type { ObjectKind, KnownObjects } from '../credential/known-objects.js';
import type { StatusPatches } from './status-patches.js';

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly objects: KnownObjects;
  readonly check: ConnectorCheck;
  readonly authority: AuthoritySource;
  readonly service: ProxyService;
  /** Of the tokens that the proxy takes. */
  readonly audience: string;
  readonly timings: StatusTimings;
  readonly clock: Clock;
  readonly patches: StatusPatches;
  readonly log: Log;
}

/**
 * Keeps the status of the Connectors and classes whose proxy this is: where the proxy is, how it is trusted, and whether
 * the Connector can be used. Only one replica does so at a time (see Lease), between `begin` and `end`. It writes only what
 * differs, and only its own fields; what a request needs does not wait for it.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #memories = new Map<string, Memory>();
  readonly #running = new Set<string>();
  /** Classes are of no namespace, and none of them waits for a tool. */
  readonly #turns = new FairGate({ ...limits.status, unbounded: '' });
  readonly #due: DueTimes;
  readonly #judge: ConnectorJudge;
  #ending: AbortController | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#judge = new ConnectorJudge({ ...options, chance: options.client.chance });
    this.#due = new DueTimes((key) => void this.#look(key), options.client.chance.now);
    options.objects.onChange((kind, name) => this.#onChange(kind, name));
  }

  get isActive(): boolean {
    return this.#ending !== undefined;
  }

  begin(): void {
    this.#ending ??= new AbortController();
    setMaxListeners(0, this.#ending.signal);
    this.lookAtAll();
  }

  end(): void {
    this.#ending?.abort();
    this.#ending = undefined;
    this.#due.clear();
    this.#memories.clear();
  }

  /** After a change of what concerns all of them, such as the CA. */
  lookAtAll(): void {
    if (!this.isActive) return;
    for (const kind of ['class', 'connector'] as const) {
      for (const name of this.#options.objects.keys(kind))
        this.#due.within(keyOf(kind, name), this.#firstDelayMs(kind, name));
    }
  }

  /** How many Connectors of this proxy have which status of the condition `Ready`. */
  countByReady(): Readonly<Record<string, number>> {
    const counts = { True: 0, False: 0, Unknown: 0 };
    if (!this.isActive) return counts;
    for (const key of this.#options.objects.keys('connector')) {
      const connector = this.#connector(key);
      if (connector === undefined || !this.#isOurs(connector)) continue;
      const ready = conditionOf(conditionsIn(connector.object), 'Ready')?.['status'];
      counts[ready === 'True' || ready === 'False' ? ready : 'Unknown'] += 1;
    }
    return counts;
  }

  #onChange(kind: ObjectKind, name: string): void {
    if (!this.isActive) return;
    this.#due.within(keyOf(kind, name), 0);
    if (kind !== 'class') return;
    for (const key of this.#options.objects.keys('connector')) {
      if (this.#connector(key)?.className === name) this.#due.within(keyOf('connector', key), 0);
    }
  }

  /** What has a whole status is looked at some time soon: another replica has written it, and thousands may have one. */
  #firstDelayMs(kind: ObjectKind, name: string): number {
    const { timings, client } = this.#options;
    const connector = kind === 'connector' ? this.#connector(name) : undefined;
    if (connector === undefined) return 0;
    const ready = conditionOf(conditionsIn(connector.object), 'Ready');
    const isWhole = ready?.['observedGeneration'] === generationOf(connector.object);
    const isAddressed =
      statusChange(connector.object, this.#address(connectorUrl(this.#options.service, connector.ref))) === undefined;
    return isWhole && isAddressed ? client.chance.random() * timings.checkMs : 0;
  }

  /** One look at an object; the next one is due when it ends. */
  async #look(key: string): Promise<void> {
    const { signal } = this.#ending ?? {};
    if (signal === undefined) return;
    if (this.#running.has(key)) {
      // What has changed meanwhile is looked at after what is under way.
      this.#due.within(key, 100);
      return;
    }
    this.#running.add(key);
    const [kind, name] = partsOf(key);
    const namespace = kind === 'connector' ? (name.split('/')[0] ?? '') : '';
    let leave: (() => void) | undefined;
    try {
      leave = await this.#turns.enter({ namespace, podUid: '' }, signal);
      const nextMs = await (kind === 'class' ? this.#lookAtClass(name, signal) : this.#lookAtConnector(name, signal));
      if (signal.aborted) return;
      if (nextMs === undefined) this.#memories.delete(key);
      else this.#due.within(key, nextMs);
    } catch (error) {
      if (signal.aborted) return;
      this.#options.log.error('a status cannot be judged', { name, error });
      this.#due.within(key, this.#options.timings.checkMs);
    } finally {
      leave?.();
      this.#running.delete(key);
    }
  }

  /** @returns when it is due again; undefined: when it changes. */
  async #lookAtClass(name: string, signal: AbortSignal): Promise<number | undefined> {
    const found = this.#options.objects.connectorClass(name);
    if (found === undefined || found instanceof DriverError || !isFrontedBy(found, this.#options.service))
      return undefined;
    const memory = this.#memoryOf(keyOf('class', name));
    return this.#write('class', found.object, this.#address(classUrl(this.#options.service)), memory, signal);
  }

  async #lookAtConnector(name: string, signal: AbortSignal): Promise<number | undefined> {
    const { clock, service } = this.#options;
    const before = this.#connector(name);
    if (before === undefined || !this.#isOurs(before)) return undefined;
    const memory = this.#memoryOf(keyOf('connector', name));
    await this.#judge.judge(before, memory, signal);
    // The newest state is compared with: it may have come meanwhile, and be about another spec.
    const connector = this.#connector(name);
    if (connector === undefined) return undefined;
    if (!this.#judge.isAbout(connector, memory)) return 0;

    const generation = generationOf(connector.object);
    const conditions = conditionsIn(connector.object);
    const findings = this.#judge.findings(memory, conditions, generation);
    const now = new Date(clock.now()).toISOString().replace(/\.\d+/, '');
    const wanted: OwnStatus = {
      ...this.#address(connectorUrl(service, connector.ref)),
      conditions: merged(conditions, findings, generation, now),
      observedGeneration: generation,
    };
    if (statusChange(connector.object, wanted) === undefined) {
      memory.doubtedMs = undefined;
      return this.#judge.untilNextMs(memory);
    }
    const waitMs = this.#judge.waitMs(memory, findings, conditions, generation);
    if (waitMs > 0) return waitMs;
    memory.doubtedMs = undefined;
    const failedMs = await this.#write('connector', connector.object, wanted, memory, signal);
    return failedMs ?? this.#judge.untilNextMs(memory);
  }

  /** Undefined when it is not there, or cannot be understood. */
  #connector(name: string): Connector | undefined {
    const found = this.#options.objects.connector(name);
    return found instanceof DriverError ? undefined : found;
  }

  /** @returns when to try again after a failure; undefined: it is as wanted. */
  async #write(
    kind: ObjectKind,
    object: JsonObject,
    wanted: OwnStatus,
    memory: Memory,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const change = statusChange(object, wanted);
    if (change === undefined) return undefined;
    const { client, patches, timings } = this.#options;
    if (await patches.send(kind, object, change, signal)) {
      memory.failures = 0;
      memory.writtenMs = client.chance.now();
      return undefined;
    }
    memory.failures += 1;
    return Math.min(timings.checkMs, timings.retryMs * 2 ** Math.min(memory.failures - 1, 20));
  }

  /** A Connector whose class is gone or broken is ours when its address is the one that was written. */
  #isOurs({ className, ref, proxyAddress }: Connector): boolean {
    const { objects, service } = this.#options;
    const found = objects.connectorClass(className);
    if (found === undefined || found instanceof DriverError) return proxyAddress?.url === connectorUrl(service, ref);
    return isFrontedBy(found, service);
  }

  /** Empty while there is no CA: an address that nobody could trust helps nobody. */
  #address(url: string): OwnStatus {
    const { authority, audience } = this.#options;
    try {
      return { proxy: { httpAddress: { url, audience, CACerts: authority.current().certificate } } };
    } catch (error) {
      if (error instanceof DriverError) return {};
      throw error;
    }
  }

  #memoryOf(key: string): Memory {
    const memory = this.#memories.get(key) ?? newMemory();
    this.#memories.set(key, memory);
    return memory;
  }
}

function keyOf(kind: ObjectKind, name: string): string {
  return `${kind} ${name}`;
}

function partsOf(key: string): readonly [ObjectKind, string] {
  const [kind = '', name = ''] = key.split(' ');
  return [kind === 'class' ? 'class' : 'connector', name];
}
