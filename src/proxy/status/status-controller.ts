import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { CodedError } from '../../shared/errors.ts';
import { generationOf } from '../../shared/kube/kube-object.ts';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import { caProblem } from '../certificates/certificate-authority.ts';
import type { ObjectKind } from '../connectors/connector-informer.ts';
import type { Generators } from '../credentials/generator/generators.ts';
import { proxyLimits } from '../limits.ts';
import { CaConfigMap } from './ca-config-map.ts';
import { classConditionTypes, conditionsIn, falseResult, trueResult, merged } from './conditions.ts';
import type { ConditionResult } from './conditions.ts';
import { ConnectorStatus, readyIn, statusTimings } from './connector-status.ts';
import type { ConnectorStatusOptions, StatusTimings } from './connector-status.ts';
import { LeaderElector, leaseTimings } from './leader-elector.ts';
import type { LeaseTimings } from './leader-elector.ts';
import { classUrl, isFrontedBy } from './proxy-service.ts';
import { StatusWriter } from './status-writer.ts';
import type { StatusWriterOptions } from './status-writer.ts';
import { WorkQueue } from './work-queue.ts';
import type { NextRun } from './work-queue.ts';

export interface StatusControllerOptions
  extends StatusWriterOptions, Omit<ConnectorStatusOptions, 'writer' | 'timings' | 'kubeClock'> {
  readonly generators: Pick<Generators, 'mistakeIn'>;
  /** Registers a listener for changes of the CA. */
  readonly onCaChange: (listener: () => void) => void;
  /** Whether to publish the CA as a ConfigMap. */
  readonly isCaConfigMapPublished: boolean;
  /** Timings that tests shorten. */
  readonly timings?: Partial<StatusTimings & LeaseTimings>;
}

/** Key of the ConfigMap with the CA in the queue. */
const caKey = 'ca';

/**
 * Writes the status of this proxy's Connectors and classes: address and CA of the proxy, and usability of a Connector.
 * The replica with the Lease writes all of them. Requests do not wait for it.
 */
export class StatusController {
  readonly #options: StatusControllerOptions;
  readonly #elector: LeaderElector;
  readonly #queue: WorkQueue;
  readonly #connectors: ConnectorStatus;
  readonly #writer: StatusWriter;
  readonly #caConfigMap: CaConfigMap;
  #isWriting = false;

  constructor(options: StatusControllerOptions) {
    const { client, service, clock, objects, log } = options;
    const timings = { ...statusTimings, ...leaseTimings, ...options.timings };
    this.#options = options;
    const writer = new StatusWriter(options);
    this.#writer = writer;
    this.#connectors = new ConnectorStatus({ ...options, writer, timings, kubeClock: client.clock });
    this.#caConfigMap = new CaConfigMap({ ...options, namespace: service.namespace });
    this.#queue = new WorkQueue({
      run: (key, signal) => this.#reconcile(key, signal),
      namespaceOf,
      // Keys without a namespace are not limited: they do not wait for tools.
      permits: new FairSemaphore({ ...proxyLimits.status, unlimited: '' }),
      retry: { firstMs: timings.retryMs, longestMs: timings.unreadyMs },
      clock: client.clock,
      onError: (key, error) => log.error('Failed to evaluate Connector conditions', { name: partsOf(key)[1], error }),
    });
    this.#elector = new LeaderElector({
      ...{ client, clock, log, timings, namespace: service.namespace, name: service.name },
      identity: `${hostname()}_${randomUUID()}`,
      onStartedLeading: () => {
        this.#isWriting = true;
        this.#enqueueAll();
      },
      onStoppedLeading: () => this.#end(),
    });
    objects.onChange((kind, name) => this.#onChange(kind, name));
    options.onCaChange(() => this.#enqueueAll());
  }

  get isLeader(): boolean {
    return this.#elector.isLeader;
  }

  /** Returns the number of Connectors by the status of their condition `Ready`; 0 without the Lease. */
  countByReady(): Readonly<Record<string, number>> {
    const counts = { True: 0, False: 0, Unknown: 0 };
    if (!this.#isWriting) return counts;
    for (const name of this.#options.objects.keys('connector')) {
      const connector = this.#connectors.ofThisProxy(name);
      if (connector === undefined) continue;
      const ready = readyIn(connector);
      counts[ready === 'True' || ready === 'False' ? ready : 'Unknown'] += 1;
    }
    return counts;
  }

  start(): void {
    this.#elector.start();
  }

  /** Ends all writing, then releases the Lease. */
  stop(): Promise<void> {
    this.#end();
    return this.#elector.stop();
  }

  #end(): void {
    this.#isWriting = false;
    this.#queue.clear();
    this.#connectors.clear();
  }

  #enqueueAll(): void {
    if (!this.#isWriting) return;
    const { objects, isCaConfigMapPublished } = this.#options;
    if (isCaConfigMapPublished) this.#queue.add(caKey);
    for (const name of objects.keys('class')) this.#queue.add(keyOf('class', name));
    for (const name of objects.keys('connector')) this.#queue.add(keyOf('connector', name));
  }

  #onChange(kind: ObjectKind, name: string): void {
    if (!this.#isWriting) return;
    this.#queue.add(keyOf(kind, name));
    if (kind === 'connector') return;
    const { objects } = this.#options;
    for (const key of objects.keys('connector')) {
      const connector = this.#connectors.ofThisProxy(key);
      if (connector?.className === name) this.#queue.add(keyOf('connector', key));
    }
  }

  #reconcile(key: string, signal: AbortSignal): Promise<NextRun> {
    if (key === caKey) return this.#caConfigMap.reconcile(signal);
    const [kind, name] = partsOf(key);
    return kind === 'connector' ? this.#connectors.reconcile(name, signal) : this.#reconcileClass(name, signal);
  }

  /** Writes the status of a ConnectorClass, if it names the proxy's Service. */
  async #reconcileClass(name: string, signal: AbortSignal): Promise<NextRun> {
    const { objects, service, clock, ca, generators } = this.#options;
    const found = objects.connectorClass(name);
    const object = objects.classObject(name);
    if (object === undefined || found === undefined || !isFrontedBy({ object }, service)) return undefined;
    const mistake = found instanceof CodedError ? undefined : await generators.mistakeIn(name, object);
    // A newer revision can have arrived during the check.
    if (objects.classObject(name) !== object) return 0;
    const noCa = caProblem(ca);
    const proxy = noCa === undefined ? trueResult('ProxyReady', 'Ready') : falseResult('ProxyReady', 'NoCA', noCa);
    const problem = found instanceof CodedError ? ({ reason: 'Unusable', message: found.message } as const) : mistake;
    const results: readonly ConditionResult[] = [
      proxy,
      problem === undefined ? { ...proxy, type: 'Ready' } : falseResult('Ready', problem.reason, problem.message),
    ];
    const conditions = merged(conditionsIn(object), results, generationOf(object), clock.now(), classConditionTypes);
    const wanted = { ...this.#writer.addressAt(classUrl(service)), conditions };
    return (await this.#writer.write('class', object, wanted, signal)) ? undefined : 'retry';
  }
}

function keyOf(kind: ObjectKind, name: string): string {
  return `${kind} ${name}`;
}

function partsOf(key: string): readonly [ObjectKind, string] {
  const [kind = '', name = ''] = key.split(' ');
  return [kind === 'class' ? 'class' : 'connector', name];
}

/** Returns the namespace of a Connector's key; empty for others. */
function namespaceOf(key: string): string {
  const [, name] = partsOf(key);
  return name.includes('/') ? (name.split('/')[0] ?? '') : '';
}
