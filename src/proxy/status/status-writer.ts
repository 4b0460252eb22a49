import { setMaxListeners } from 'node:events';
import type { Clock } from '../../clock.js';
import type { Connector } from '../../connectors/model.js';
import { DriverError } from '../../errors.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { Log } from '../../log.js';
import { FairGate } from '../../load/fair-gate.js';
import { limits } from '../../load/limits.js';
import type { AuthoritySource } from '../certificates/authority-source.js';
import { conditionOf, conditionsIn } from './conditions.js';
import type { ConnectorCheck } from './connector-check.js';
import { ConnectorJudge, newMemory } from './connector-judge.js';
import type { Memory, StatusTimings } from './connector-judge.js';
import { DueTimes } from './due-times.js';
import type { Ownership } from './ownership.js';
import type { ProxyService } from './proxy-service.js';
import type { StatusPatches } from './status-patches.js';
import { StatusUpdates } from './status-updates.js';
import type { ObjectKind, KnownObjects } from '../credential/known-objects.js';

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
 * the Connector can be used. Only one replica does so at a time (see Lease), between `begin` and `end`. What a request
 * needs does not wait for it.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #memories = new Map<string, Memory>();
  readonly #running = new Set<string>();
  /** Classes are of no namespace, and none of them waits for a tool. */
  readonly #turns = new FairGate({ ...limits.status, unbounded: '' });
  readonly #due: DueTimes;
  readonly #updates: StatusUpdates;
  #ending: AbortController | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    const { chance } = options.client;
    this.#updates = new StatusUpdates({ ...options, chance, judge: new ConnectorJudge({ ...options, chance }) });
    this.#due = new DueTimes((key) => void this.#look(key), chance.now);
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
      if (connector === undefined || !isReported(this.#updates.ownership(connector))) continue;
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
    return connector !== undefined && this.#updates.isWhole(connector) ? client.chance.random() * timings.checkMs : 0;
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
      const memory = this.#memoryOf(key);
      const nextMs = await (kind === 'class'
        ? this.#updates.ofClass(name, memory, signal)
        : this.#updates.ofConnector(name, memory, signal));
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

  /** Undefined when it is not there, or cannot be understood. */
  #connector(name: string): Connector | undefined {
    const found = this.#options.objects.connector(name);
    return found instanceof DriverError ? undefined : found;
  }

  #memoryOf(key: string): Memory {
    const memory = this.#memories.get(key) ?? newMemory();
    this.#memories.set(key, memory);
    return memory;
  }
}

function isReported(ownership: Ownership): boolean {
  return ownership === 'own' || ownership === 'orphan';
}

function keyOf(kind: ObjectKind, name: string): string {
  return `${kind} ${name}`;
}

function partsOf(key: string): readonly [ObjectKind, string] {
  const [kind = '', name = ''] = key.split(' ');
  return [kind === 'class' ? 'class' : 'connector', name];
}
