import { setMaxListeners } from 'node:events';
import type { Clock } from '../../clock.js';
import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { DriverError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import { jsonMember } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import { metadataText } from '../../kube/kube-object.js';
import type { Log } from '../../log.js';
import { WorkPlaces } from '../../load/work-places.js';
import type { AuthoritySource } from '../certificates/authority-source.js';
import type { Finding } from './conditions.js';
import { conditionOf, conditionsIn, merged } from './conditions.js';
import type { ConnectorCheck } from './connector-check.js';
import { DueTimes } from './due-times.js';
import type { ProxyService } from './proxy-service.js';
import { classUrl, connectorUrl, isFrontedBy } from './proxy-service.js';
import { statusChange } from './status-change.js';
import type { OwnStatus } from './status-change.js';
import type { ObjectKind, KnownObjects } from '../credential/known-objects.js';
import type { StatusPatches } from './status-patches.js';

/** Milliseconds. */
export interface StatusTimings {
  /** Between two checks of a Connector of which nothing is heard; a fifth more or less. */
  readonly checkMs: number;
  /** What was well and is not any more is looked at once more after so long before it is written. */
  readonly confirmMs: number;
  /** Between two changes of one status, unless the Connector itself has changed. */
  readonly quietMs: number;
  /** After a failed write, doubled with each further one up to the time of a check. */
  readonly retryMs: number;
}

export const statusTimings: StatusTimings = { checkMs: 300_000, confirmMs: 15_000, quietMs: 30_000, retryMs: 2_000 };

/** Connectors that are checked or written at once: what remains of the requests at the API server is for clients. */
const atOnce = 4;

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

/** What is remembered of an object between two looks at it. */
interface Memory {
  /** What the findings are about: they count until it changes or they are old. */
  subject: string;
  findings: readonly Finding[];
  checkedMs: number;
  /** Since when what was well is not; undefined: all is as written, or better. */
  doubtedMs: number | undefined;
  writtenMs: number;
  failures: number;
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
  readonly #places = new WorkPlaces(atOnce);
  readonly #due: DueTimes;
  #ending: AbortController | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
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
    const { objects } = this.#options;
    for (const key of objects.keys('connector')) {
      const connector = objects.connector(key);
      if (connector === undefined || connector instanceof DriverError || !this.#isOurs(connector)) continue;
      const ready = conditionOf(conditionsIn(connector.object), 'Ready')?.['status'];
      counts[ready === 'True' || ready === 'False' ? ready : 'Unknown'] += 1;
    }
    return counts;
  }

  #onChange(kind: ObjectKind, name: string): void {
    if (!this.isActive) return;
    this.#due.within(keyOf(kind, name), 0);
    if (kind !== 'class') return;
    const { objects } = this.#options;
    for (const key of objects.keys('connector')) {
      const connector = objects.connector(key);
      if (connector !== undefined && !(connector instanceof DriverError) && connector.className === name) {
        this.#due.within(keyOf('connector', key), 0);
      }
    }
  }

  /** What has a whole status is looked at some time soon: another replica has written it, and thousands may have one. */
  #firstDelayMs(kind: ObjectKind, name: string): number {
    const { objects, timings, client } = this.#options;
    const connector = kind === 'connector' ? objects.connector(name) : undefined;
    if (connector === undefined || connector instanceof DriverError) return 0;
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
    let isIn = false;
    try {
      await this.#places.enter({ namespace, podUid: '' }, signal, false);
      isIn = true;
      const nextMs = await (kind === 'class' ? this.#lookAtClass(name, signal) : this.#lookAtConnector(name, signal));
      if (signal.aborted) return;
      if (nextMs === undefined) this.#memories.delete(key);
      else this.#due.within(key, nextMs);
    } catch (error) {
      if (signal.aborted) return;
      this.#options.log.error('a status cannot be judged', { name, error });
      this.#due.within(key, this.#options.timings.checkMs);
    } finally {
      if (isIn) this.#places.leave();
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
    const { objects, clock, service } = this.#options;
    const before = objects.connector(name);
    if (before === undefined || before instanceof DriverError || !this.#isOurs(before)) return undefined;
    const memory = this.#memoryOf(keyOf('connector', name));
    await this.#judge(before, memory, signal);
    // The newest state is compared with: it may have come meanwhile, and be about another spec.
    const connector = objects.connector(name);
    if (connector === undefined || connector instanceof DriverError) return undefined;
    if (this.#subjectOf(connector) !== memory.subject) return 0;

    const generation = generationOf(connector.object);
    const conditions = conditionsIn(connector.object);
    const findings = memory.findings.map((finding) => kept(finding, conditions, generation));
    const now = new Date(clock.now()).toISOString().replace(/\.\d+/, '');
    const wanted: OwnStatus = {
      ...this.#address(connectorUrl(service, connector.ref)),
      conditions: merged(conditions, findings, generation, now),
      observedGeneration: generation,
    };
    if (statusChange(connector.object, wanted) === undefined) {
      memory.doubtedMs = undefined;
      return this.#untilNextCheckMs(memory);
    }
    const waitMs = this.#waitMs(memory, findings, conditions, generation);
    if (waitMs > 0) {
      // To be asked anew then.
      if (memory.doubtedMs !== undefined) memory.checkedMs = -Infinity;
      return waitMs;
    }
    memory.doubtedMs = undefined;
    const failedMs = await this.#write('connector', connector.object, wanted, memory, signal);
    return failedMs ?? this.#untilNextCheckMs(memory);
  }

  /** Finds out what is the case, unless that is known. */
  async #judge(connector: Connector, memory: Memory, signal: AbortSignal): Promise<void> {
    const { objects, check, client, timings } = this.#options;
    const subject = this.#subjectOf(connector);
    const now = client.chance.now();
    if (memory.subject === subject && now - memory.checkedMs < 0.75 * timings.checkMs) return;
    const findings = await check.check(connector, objects.connectorClass(connector.className), signal);
    Object.assign(memory, { subject, findings, checkedMs: now });
  }

  /** How long it is too early to write; what is new or about another generation is written at once. */
  #waitMs(memory: Memory, findings: readonly Finding[], conditions: readonly JsonObject[], generation: bigint): number {
    const { client, timings } = this.#options;
    const ready = conditionOf(conditions, 'Ready');
    if (ready?.['observedGeneration'] !== generation) return 0;
    const now = client.chance.now();
    const isWorse = findings.some(
      ({ type, status }) => status !== 'True' && conditionOf(conditions, type)?.['status'] === 'True',
    );
    if (isWorse) memory.doubtedMs ??= now;
    else memory.doubtedMs = undefined;
    const untilConfirmed = isWorse ? (memory.doubtedMs ?? now) + timings.confirmMs - now : 0;
    return Math.max(untilConfirmed, memory.writtenMs + timings.quietMs - now, 0);
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
    const memory = this.#memories.get(key) ?? {
      subject: '',
      findings: [],
      checkedMs: -Infinity,
      doubtedMs: undefined,
      writtenMs: -Infinity,
      failures: 0,
    };
    this.#memories.set(key, memory);
    return memory;
  }

  /** What findings depend on, of what is watched. */
  #subjectOf({ object, className }: Connector): string {
    const found = this.#options.objects.connectorClass(className);
    const ofClass = found instanceof DriverError ? found.message : found && identityOf(found);
    const { authority } = this.#options;
    let ca = '';
    try {
      ca = authority.current().certificate;
    } catch (error) {
      if (!(error instanceof DriverError)) throw error;
    }
    return JSON.stringify([metadataText(object, 'uid'), String(generationOf(object)), ofClass, ca]);
  }

  #untilNextCheckMs({ checkedMs }: Memory): number {
    const { client, timings } = this.#options;
    const jitter = 0.8 + 0.4 * client.chance.random();
    return Math.max(timings.retryMs, checkedMs + jitter * timings.checkMs - client.chance.now());
  }
}

/** What could not be asked for is as it was. */
function kept(finding: Finding, conditions: readonly JsonObject[], generation: bigint): Finding {
  if (finding.reason !== 'NotAsked') return finding;
  const before = conditionOf(conditions, finding.type);
  const status = before?.['status'];
  if (before?.['observedGeneration'] !== generation || (status !== 'True' && status !== 'False')) return finding;
  const { reason, message } = before;
  if (typeof reason !== 'string' || typeof message !== 'string') return finding;
  return { type: finding.type, status, reason, message };
}

function identityOf({ object }: ConnectorClass): string {
  return `${metadataText(object, 'uid') ?? ''} ${String(generationOf(object))}`;
}

function generationOf(object: JsonObject): bigint {
  const generation = jsonMember(object['metadata'], 'generation');
  return typeof generation === 'bigint' ? generation : 0n;
}

function keyOf(kind: ObjectKind, name: string): string {
  return `${kind} ${name}`;
}

function partsOf(key: string): readonly [ObjectKind, string] {
  const [kind = '', name = ''] = key.split(' ');
  return [kind === 'class' ? 'class' : 'connector', name];
}
