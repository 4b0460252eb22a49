import type { Connector, ConnectorClass } from '../../shared/connectors/model.js';
import { CodedError } from '../../shared/errors.js';
import type { JsonObject } from '../../shared/json.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import { generationOf, metadataText } from '../../shared/kube/kube-object.js';
import { doublingMs } from '../../shared/limits/backoff.js';
import { caProblem } from '../certificates/certificate-authority.js';
import type { CaSource } from '../certificates/certificate-authority.js';
import type { ConnectorLister } from '../connectors/connector-lookup.js';
import { proxyLimits } from '../limits.js';
import { rulesProblem } from '../rules/request-rules.js';
import { conditionOf, keepUnchecked } from './conditions.js';
import type { ConditionResult } from './conditions.js';
import type { Checked, ConnectorCheck, RejectedCredential } from './connector-check.js';
import { missingClassResults } from './ownership.js';
import type { ReconcileState } from './reconcile-state.js';
import type { StatusTimings } from './status-timings.js';

export interface ConditionEvaluatorOptions {
  readonly objects: Pick<ConnectorLister, 'connectorClass' | 'keys'>;
  readonly check: Pick<ConnectorCheck, 'check'>;
  readonly ca: CaSource;
  readonly timings: StatusTimings;
  readonly clock: KubeClient['clock'];
}

/** Timers can be early by a fraction of a millisecond. */
const earlyMs = 2;

/** Evaluates the conditions of Connectors, and decides when to write them and when to check again. */
export class ConditionEvaluator {
  readonly #options: ConditionEvaluatorOptions;
  readonly #unready = new UnreadyConnectors();

  constructor(options: ConditionEvaluatorOptions) {
    this.#options = options;
  }

  /** Checks the Connector unless the last results are recent. @returns whether it checked. */
  async evaluate(connector: Connector, state: ReconcileState, signal: AbortSignal): Promise<boolean> {
    const subject = this.#subjectOf(connector);
    const checkedMs = this.#options.clock.now();
    if (state.subject === subject) {
      state.dueMs = Math.max(state.dueMs, this.#earliestMs(nameOf(connector), state));
      if (checkedMs + earlyMs < state.dueMs) return false;
    }
    const knownRejection = state.subject === subject ? this.#rejected(state, checkedMs) : undefined;
    // Requests can ask for another check while this one runs.
    state.dueMs = Infinity;
    state.isServed = false;
    try {
      const { results, rejected } = await this.#check(connector, knownRejection, signal);
      if (state.subject !== subject || isReady(results)) state.unready = undefined;
      Object.assign(state, { subject, results, checkedMs, rejected });
      if (rejected !== undefined && rejected !== knownRejection) state.rejectedMs = checkedMs;
      this.#schedule(nameOf(connector), state);
      return true;
    } catch (error) {
      state.dueMs = checkedMs;
      state.doubtedMs = undefined;
      throw error;
    }
  }

  /**
   * Schedules an early check, because a request contradicts the status. A failed request counts as the first sighting
   * of a change that must be confirmed.
   * @returns milliseconds until the check; undefined if one is already pending.
   */
  requested(state: ReconcileState, isServed: boolean): number | undefined {
    const now = this.#options.clock.now();
    if (isServed) state.isServed = true;
    else if (state.doubtedMs === undefined) state.doubtedMs = now;
    else return undefined;
    state.dueMs = Math.min(state.dueMs, Math.max(now, state.checkedMs + this.#options.timings.requestedMs));
    return this.untilNextMs(state);
  }

  /** Discards the results, which can be outdated, so that the Connector is checked again. */
  expire(state: ReconcileState): void {
    state.subject = '';
  }

  /** Removes a Connector that was deleted or belongs to another proxy. */
  forget(name: string): void {
    this.#unready.delete(name);
  }

  clear(): void {
    this.#unready.clear();
  }

  /** Reports whether the results concern the Connector's current revision. */
  isAbout(connector: Connector, { subject }: ReconcileState): boolean {
    return this.#subjectOf(connector) === subject;
  }

  /**
   * Returns the conditions to write.
   * @param conditions in the current status.
   * @param generation of the Connector.
   */
  results(state: ReconcileState, conditions: readonly JsonObject[], generation: bigint): readonly ConditionResult[] {
    return state.results.map((result) => keepUnchecked(result, conditions, generation));
  }

  /**
   * Returns milliseconds until the results can be written, 0 for now, and schedules the next check for that time. A
   * change for the worse must be confirmed by a second check. All changes of one status are rate-limited.
   */
  waitMs(
    state: ReconcileState,
    results: readonly ConditionResult[],
    conditions: readonly JsonObject[],
    generation: bigint,
  ): number {
    const { clock, timings } = this.#options;
    const now = clock.now();
    const isAboutThis = conditionOf(conditions, 'Ready')?.['observedGeneration'] === generation;
    const isWorse = results.some(
      ({ type, status }) => status !== 'True' && conditionOf(conditions, type)?.['status'] === 'True',
    );
    state.doubtedMs = isWorse && isAboutThis ? (state.doubtedMs ?? now) : undefined;
    const untilConfirmed = state.doubtedMs === undefined ? 0 : state.doubtedMs + timings.confirmMs - now;
    const waitMs = Math.max(untilConfirmed, state.changes.delayMs(1), 0);
    if (waitMs > 0) state.dueMs = now + waitMs;
    return waitMs;
  }

  /** Returns milliseconds until the next scheduled check. */
  untilNextMs({ dueMs }: ReconcileState): number {
    return Math.max(0, dueMs - this.#options.clock.now());
  }

  async #check(connector: Connector, rejected: RejectedCredential | undefined, signal: AbortSignal): Promise<Checked> {
    const { objects, check } = this.#options;
    const found = objects.connectorClass(connector.className);
    if (found === undefined)
      return { results: missingClassResults(connector, objects.keys('class')), rejected: undefined };
    return check.check(connector, found, rejected, signal);
  }

  /**
   * Returns the rejected credential if it must not be sent again, because tools lock accounts after some attempts. It
   * is sent once more to confirm the rejection, then as rarely as for ready Connectors. While requests are served, it
   * is sent once in `lateMs`.
   */
  #rejected(
    { rejected, rejectedMs, isServed, doubtedMs }: ReconcileState,
    now: number,
  ): RejectedCredential | undefined {
    const { lateMs, checkMs } = this.#options.timings;
    const isOld = now - rejectedMs >= (isServed ? lateMs : checkMs);
    return isOld || doubtedMs !== undefined ? undefined : rejected;
  }

  #schedule(name: string, state: ReconcileState): void {
    const { clock, timings } = this.#options;
    const now = clock.now();
    let intervalMs: number;
    if (isReady(state.results)) {
      this.#unready.delete(name);
      intervalMs = (0.8 + 0.4 * clock.random()) * timings.checkMs;
    } else {
      this.#unready.add(name);
      const { sinceMs, checks } = state.unready ?? { sinceMs: now, checks: 0 };
      state.unready = { sinceMs, checks: checks + 1, spread: 1 + 0.4 * clock.random() };
      const soonMs = doublingMs(checks + 1, timings.againMs, timings.soonMs);
      intervalMs = (0.8 + 0.2 * clock.random()) * (now - sinceMs < timings.soonForMs ? soonMs : timings.lateMs);
    }
    state.dueMs = Math.min(state.dueMs, now + intervalMs);
  }

  /**
   * Returns the earliest time of the next check of an unready Connector. The more there are, the later it is, unless a
   * request asks for a check.
   */
  #earliestMs(name: string, { unready, doubtedMs, isServed, checkedMs }: ReconcileState): number {
    if (unready === undefined || doubtedMs !== undefined || isServed) return -Infinity;
    return checkedMs + unready.spread * Math.min(this.#options.timings.checkMs, this.#unready.intervalMs(name));
  }

  /** Returns a key of all watched inputs of a check. */
  #subjectOf(connector: Connector): string {
    const { object, className } = connector;
    const found = this.#options.objects.connectorClass(className);
    const ofClass = found instanceof CodedError ? found.message : found && identityOf(found);
    const { ca } = this.#options;
    const certificate = caProblem(ca) === undefined ? ca.current().certificate : '';
    // Annotations do not change the generation.
    const rules = rulesProblem(connector, found instanceof CodedError ? undefined : found);
    return JSON.stringify([metadataText(object, 'uid'), String(generationOf(object)), ofClass, certificate, rules]);
  }
}

function isReady(results: readonly ConditionResult[]): boolean {
  return results.some(({ type, status }) => type === 'Ready' && status === 'True');
}

function nameOf({ ref: { namespace, name } }: Connector): string {
  return `${namespace}/${name}`;
}

function identityOf({ object }: ConnectorClass): string {
  return `${metadataText(object, 'uid') ?? ''} ${String(generationOf(object))}`;
}

/**
 * The unready Connectors, and the rate of their checks. On average one is checked per `proxyLimits.status.unreadyEveryMs`,
 * and each namespace has the same share. A namespace with thousands of them delays only its own checks.
 */
export class UnreadyConnectors {
  readonly #names = new Map<string, Set<string>>();

  /** @param name `namespace/name`. */
  add(name: string): void {
    const namespace = namespaceOf(name);
    const names = this.#names.get(namespace) ?? new Set();
    names.add(name);
    this.#names.set(namespace, names);
  }

  delete(name: string): void {
    const namespace = namespaceOf(name);
    const names = this.#names.get(namespace);
    names?.delete(name);
    if (names?.size === 0) this.#names.delete(namespace);
  }

  clear(): void {
    this.#names.clear();
  }

  /**
   * Returns the interval of checks of one Connector of the namespace, in milliseconds, that keeps all within the limit.
   */
  intervalMs(name: string): number {
    const own = this.#names.get(namespaceOf(name))?.size ?? 0;
    return own * this.#names.size * proxyLimits.status.unreadyEveryMs;
  }
}

function namespaceOf(name: string): string {
  return name.split('/')[0] ?? '';
}
