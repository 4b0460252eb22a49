import { setMaxListeners } from 'node:events';
import type { Clock } from '../../shared/clock.js';
import type { Connector, ConnectorRef } from '../../shared/connectors/model.js';
import { CodedError } from '../../shared/errors.js';
import type { JsonValue } from '../../shared/json.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import type { Log } from '../../shared/log.js';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.js';
import { TokenBuckets } from '../../shared/limits/token-buckets.js';
import { proxyLimits } from '../limits.js';
import type { CaSource } from '../certificates/certificate-authority.js';
import { conditionOf, conditionsIn } from './conditions.js';
import type { ConnectorCheck } from './connector-check.js';
import { ConditionEvaluator } from './condition-evaluator.js';
import { DelayQueue } from './delay-queue.js';
import { newReconcileState } from './reconcile-state.js';
import type { ReconcileState } from './reconcile-state.js';
import type { ProxyService } from './proxy-service.js';
import type { StatusPatches } from './status-patches.js';
import type { StatusTimings } from './status-timings.js';
import { StatusUpdates } from './status-updates.js';
import type { ObjectKind, ConnectorLister } from '../connectors/connector-lookup.js';
import type { Generators } from '../credentials/generator/generators.js';

export interface StatusReconcilerOptions {
  readonly client: KubeClient;
  readonly objects: ConnectorLister;
  readonly check: ConnectorCheck;
  readonly generators: Generators;
  readonly ca: CaSource;
  readonly service: ProxyService;
  /** Audience of the tokens that the proxy accepts. */
  readonly audience: string;
  readonly timings: StatusTimings;
  readonly clock: Clock;
  readonly patches: StatusPatches;
  readonly log: Log;
}

/**
 * Reconciles the status of this proxy's Connectors and classes: address and CA of the proxy, and usability of a
 * Connector. One replica does so for all of them, between `begin` and `end` (see LeaderElector). Requests do not wait for
 * status updates.
 */
export class StatusReconciler {
  readonly #options: StatusReconcilerOptions;
  readonly #states = new Map<string, ReconcileState>();
  readonly #running = new Set<string>();
  /** Classes have no namespace and are not limited: they do not wait for tools. */
  readonly #slots = new FairSemaphore({ ...proxyLimits.status, unlimited: '' });
  readonly #changes: TokenBuckets;
  readonly #due: DelayQueue;
  readonly #evaluator: ConditionEvaluator;
  readonly #updates: StatusUpdates;
  #isLeader = false;
  /** Aborts the running reconciliations. */
  #ending = endless();

  constructor(options: StatusReconcilerOptions) {
    this.#options = options;
    const { clock } = options.client;
    this.#evaluator = new ConditionEvaluator({ ...options, clock });
    this.#updates = new StatusUpdates({
      ...options,
      evaluator: this.#evaluator,
      random: clock.random,
    });
    this.#changes = new TokenBuckets(proxyLimits.statusChanges, clock.now);
    this.#due = new DelayQueue((key) => void this.#reconcile(key), clock.now);
    options.objects.onChange((kind, name) => this.#onChange(kind, name));
  }

  /** Starts to reconcile all objects. */
  begin(): void {
    if (this.#isLeader) return;
    this.#reset();
    this.#isLeader = true;
    this.enqueueAll();
  }

  end(): void {
    this.#isLeader = false;
    this.#reset();
  }

  /** Records that a request to a Connector was served, or failed for a reason that its status must show. */
  used({ namespace, name }: ConnectorRef, isServed: boolean): void {
    if (!this.#isLeader) return;
    const connector = this.#connector(`${namespace}/${name}`);
    if (connector === undefined) return;
    const ready = readyIn(connector);
    if (ready === (isServed ? 'True' : 'False') || !this.#updates.isOwn(connector)) return;
    const key = keyOf('connector', `${namespace}/${name}`);
    const inMs = this.#evaluator.requested(this.#stateOf(key), isServed);
    if (inMs !== undefined) this.#due.addAfter(key, inMs);
  }

  /** Schedules all objects, for example after a change of the CA. */
  enqueueAll(): void {
    if (!this.#isLeader) return;
    for (const kind of ['class', 'connector'] as const) {
      for (const name of this.#options.objects.keys(kind))
        this.#due.addAfter(keyOf(kind, name), this.#firstDelayMs(kind, name));
    }
  }

  /** Returns the number of this proxy's Connectors by the status of their condition `Ready`. */
  countByReady(): Readonly<Record<string, number>> {
    const counts = { True: 0, False: 0, Unknown: 0 };
    if (!this.#isLeader) return counts;
    for (const key of this.#options.objects.keys('connector')) {
      const connector = this.#connector(key);
      if (connector === undefined || !this.#updates.isOwn(connector)) continue;
      const ready = readyIn(connector);
      counts[ready === 'True' || ready === 'False' ? ready : 'Unknown'] += 1;
    }
    return counts;
  }

  #onChange(kind: ObjectKind, name: string): void {
    if (!this.#isLeader) return;
    if (kind === 'connector') {
      const delayMs = this.#changes.of(name).acquireLater(proxyLimits.statusChanges.everyMs);
      this.#due.addAfter(keyOf(kind, name), delayMs);
      return;
    }
    this.#due.addAfter(keyOf(kind, name), 0);
    for (const key of this.#options.objects.keys('connector')) {
      if (this.#connector(key)?.className === name) this.#due.addAfter(keyOf('connector', key), 0);
    }
  }

  /**
   * Returns the delay of the first reconciliation. It is spread for Connectors with a complete status: another replica
   * has written it, and there can be thousands. Those that are not ready can have been fixed meanwhile.
   */
  #firstDelayMs(kind: ObjectKind, name: string): number {
    const { timings, client } = this.#options;
    const connector = kind === 'connector' ? this.#connector(name) : undefined;
    if (connector === undefined || !this.#updates.isWhole(connector)) return 0;
    return client.clock.random() * (readyIn(connector) === 'True' ? timings.checkMs : timings.soonMs);
  }

  /** Reconciles one object, and schedules the next reconciliation. */
  async #reconcile(key: string): Promise<void> {
    const { signal } = this.#ending;
    if (this.#running.has(key)) {
      // The running reconciliation can have missed this change, so another one follows.
      this.#due.addAfter(key, 100);
      return;
    }
    this.#running.add(key);
    const [kind, name] = partsOf(key);
    const namespace = kind === 'connector' ? (name.split('/')[0] ?? '') : '';
    let release: (() => void) | undefined;
    try {
      release = await this.#slots.acquire({ namespace, podUid: '' }, signal);
      const state = this.#stateOf(key);
      const nextMs = await (kind === 'class'
        ? this.#updates.ofClass(name, state, signal)
        : this.#updates.ofConnector(name, state, signal));
      if (signal.aborted) return;
      if (nextMs === undefined) this.#forget(key);
      else this.#due.addAfter(key, nextMs);
    } catch (error) {
      if (signal.aborted) return;
      this.#options.log.error('Failed to evaluate Connector conditions', { name, error });
      this.#due.addAfter(key, this.#options.timings.checkMs);
    } finally {
      release?.();
      this.#running.delete(key);
    }
  }

  /** Returns a Connector; undefined if it does not exist or is malformed. */
  #connector(name: string): Connector | undefined {
    const found = this.#options.objects.connector(name);
    return found instanceof CodedError ? undefined : found;
  }

  #stateOf(key: string): ReconcileState {
    const { timings, client } = this.#options;
    const state = this.#states.get(key) ?? newReconcileState(timings, client.clock.now);
    this.#states.set(key, state);
    return state;
  }

  #forget(key: string): void {
    this.#states.delete(key);
    this.#evaluator.forget(partsOf(key)[1]);
  }

  #reset(): void {
    this.#ending.abort();
    this.#ending = endless();
    this.#due.clear();
    this.#states.clear();
    this.#evaluator.clear();
  }
}

function endless(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Returns the status of the condition `Ready`. */
function readyIn({ object }: Connector): JsonValue | undefined {
  return conditionOf(conditionsIn(object), 'Ready')?.['status'];
}

function keyOf(kind: ObjectKind, name: string): string {
  return `${kind} ${name}`;
}

function partsOf(key: string): readonly [ObjectKind, string] {
  const [kind = '', name = ''] = key.split(' ');
  return [kind === 'class' ? 'class' : 'connector', name];
}
