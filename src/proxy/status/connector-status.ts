import { createHash } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import { CodedError } from '../../shared/errors.ts';
import type { JsonValue } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { generationOf, metadataText } from '../../shared/kube/kube-object.ts';
import { doublingMs } from '../../shared/limits/backoff.ts';
import { TokenBuckets } from '../../shared/limits/token-bucket.ts';
import { listed } from '../../shared/message-text.ts';
import { caProblem } from '../certificates/certificate-authority.ts';
import type { CaSource } from '../certificates/certificate-authority.ts';
import type { ConnectorInformer } from '../connectors/connector-informer.ts';
import { proxyLimits } from '../limits.ts';
import { annotationsOf } from '../rules/request-rules.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { conditionOf, conditionTypes, conditionsIn, falseResult, merged, readiness } from './conditions.ts';
import type { ConditionResult } from './conditions.ts';
import type { Checked, ConnectorCheck, RejectedCredential } from './connector-check.ts';
import { connectorUrl, isDefault, isFrontedBy } from './proxy-service.ts';
import type { ProxyService } from './proxy-service.ts';
import type { StatusOfProxy, StatusWriter } from './status-writer.ts';
import type { NextRun } from './work-queue.ts';

/** Timings of the status controller, in milliseconds. */
export const statusTimings = {
  /** Interval of checks of a ready Connector, plus or minus a fifth. */
  checkMs: 300_000,
  /** First interval of checks of an unready Connector. It doubles with each check up to `unreadyMs`. */
  againMs: 2_000,
  unreadyMs: 60_000,
  /** Minimum interval of checks of one Connector, whose owner can change it in a loop. */
  minMs: 1_000,
  /** Delay of the second check that confirms a change for the worse before it is written. */
  confirmMs: 8_000,
  /** Limit of a tool's whole response to a probe. */
  probeMs: 10_000,
  /** First delay after a failed write. It doubles with each failure up to `unreadyMs`. */
  retryMs: 2_000,
};

export type StatusTimings = Readonly<typeof statusTimings>;

export interface ConnectorStatusOptions {
  readonly objects: ConnectorInformer;
  readonly check: Pick<ConnectorCheck, 'check'>;
  readonly ca: CaSource;
  readonly service: ProxyService;
  readonly writer: Pick<StatusWriter, 'addressAt' | 'write'>;
  readonly timings: StatusTimings;
  /** Checks of a namespace wait, so that its requests have the larger part of its share. */
  readonly threads: ThreadShares;
  readonly clock: Clock;
  /** The monotonic clock. */
  readonly kubeClock: KubeClient['clock'];
}

/** The result of the last check. Times are monotonic, in milliseconds. */
interface CheckState {
  /** Key of the inputs of the check. */
  subject: string;
  checkedMs: number;
  /** Time of the next check, unless the inputs change. */
  dueMs: number;
  /** Consecutive checks that found the Connector unready. */
  unreadyChecks: number;
  /** Whether a check found a worse status than the written one, and whether another check has confirmed it. */
  doubt: 'none' | 'seen' | 'confirmed';
  /** A credential that the tool rejected, and when it was sent. */
  rejected: RejectedCredential | undefined;
  rejectedMs: number;
}

/** Timers can be early by a fraction of a millisecond. */
const earlyMs = 2;

/**
 * The status of Connectors whose class names the proxy's Service. Only differences are written, and only the proxy's own
 * fields.
 */
export class ConnectorStatus {
  readonly #options: ConnectorStatusOptions;
  readonly #states = new Map<string, CheckState>();
  readonly #unready: TokenBuckets;

  constructor(options: ConnectorStatusOptions) {
    this.#options = options;
    this.#unready = new TokenBuckets(proxyLimits.unreadyChecks, options.kubeClock.now);
  }

  /** Forgets all checks. */
  clear(): void {
    this.#states.clear();
  }

  /** Returns a Connector of this proxy; undefined if it does not exist, is malformed, or belongs to another one. */
  ofThisProxy(name: string): Connector | undefined {
    const { objects, service } = this.#options;
    const connector = objects.connector(name);
    if (connector === undefined || connector instanceof CodedError) return undefined;
    const found = objects.connectorClass(connector.className);
    if (isReadable(found)) return isFrontedBy(found, service) ? connector : undefined;
    // Without a readable class, it belongs to the proxy that has written its address, and a new one to the default proxy.
    const { url } = connector.proxyAddress ?? {};
    const isOfThisProxy = url === undefined ? isDefault(service) : url === connectorUrl(service, connector.ref);
    return isOfThisProxy ? connector : undefined;
  }

  /** Checks the Connector if it has changed or a check is due, and writes the result. */
  async reconcile(name: string, signal: AbortSignal): Promise<NextRun> {
    const { objects, timings } = this.#options;
    const connector = this.ofThisProxy(name);
    if (connector === undefined) {
      this.#states.delete(name);
      return undefined;
    }
    if (objects.connectorClass(connector.className) === undefined && !objects.hasReadClasses) return timings.againMs;
    const { namespace } = connector.ref;
    const shareMs = this.#options.threads.of(namespace).delayMs(proxyLimits.thread.reservedMs);
    // Not all at the same time, because even to look at thousands of them takes a part of the thread.
    if (shareMs > 0) return shareMs + this.#unready.of(namespace).acquireLater(timings.unreadyMs);
    const state = this.#stateOf(name);
    const subject = this.#subjectOf(connector);
    const now = this.#options.kubeClock.now();
    const isChanged = state.subject !== subject;
    const waitMs = Math.max(state.checkedMs + timings.minMs, isChanged ? -Infinity : state.dueMs) - now;
    if (waitMs > earlyMs) return waitMs;
    if (isChanged) Object.assign(state, newCheckState(subject));
    state.checkedMs = now;
    const results = await this.#check(connector, state, signal);
    // Compare with the newest revision. It can have another spec.
    const latest = this.ofThisProxy(name);
    if (latest === undefined || this.#subjectOf(latest) !== subject) return 0;
    return this.#write(latest, results, state, signal);
  }

  async #check(connector: Connector, state: CheckState, signal: AbortSignal): Promise<readonly ConditionResult[]> {
    const isConfirming = state.doubt === 'seen';
    if (isConfirming) state.doubt = 'confirmed';
    // Tools lock accounts after some attempts. So a rejected credential is sent once more to confirm the rejection, then
    // as rarely as for ready Connectors.
    const isOld = state.checkedMs - state.rejectedMs >= this.#options.timings.checkMs;
    const known = isConfirming || isOld ? undefined : state.rejected;
    const { results, rejected } = await this.#checked(connector, known, signal);
    if (rejected !== undefined && rejected !== known) state.rejectedMs = state.checkedMs;
    state.rejected = rejected;
    return results;
  }

  async #checked(connector: Connector, known: RejectedCredential | undefined, signal: AbortSignal): Promise<Checked> {
    const { objects, check } = this.#options;
    const found = objects.connectorClass(connector.className);
    if (found === undefined)
      return { results: missingClassResults(connector, objects.keys('class')), rejected: undefined };
    return check.check(connector, found, known, signal);
  }

  /** Writes the results. A change for the worse is written when a second check has confirmed it. */
  async #write(
    connector: Connector,
    results: readonly ConditionResult[],
    state: CheckState,
    signal: AbortSignal,
  ): Promise<NextRun> {
    const { timings, clock, writer } = this.#options;
    const { object } = connector;
    const generation = generationOf(object);
    const conditions = conditionsIn(object);
    const isAboutThis = conditionOf(conditions, 'Ready')?.['observedGeneration'] === generation;
    state.dueMs = -Infinity;
    // A failure of the API server, or a lack of capacity, is no reason to change a status.
    if (isAboutThis && results.some(({ reason }) => reason === 'NotChecked')) return 'retry';
    const isWorse =
      isAboutThis &&
      results.some(({ type, status }) => status !== 'True' && conditionOf(conditions, type)?.['status'] === 'True');
    const isDoubted = isWorse && state.doubt === 'none';
    if (!isDoubted) {
      const wanted = {
        ...this.#addressOf(connector),
        conditions: merged(conditions, results, generation, clock.now(), conditionTypes),
        observedGeneration: generation,
      };
      if (!(await writer.write('connector', object, wanted, signal))) return 'retry';
    }
    state.doubt = isDoubted ? 'seen' : 'none';
    const intervalMs = isDoubted ? timings.confirmMs : this.#intervalMs(connector, results, state);
    state.dueMs = state.checkedMs + intervalMs;
    return intervalMs;
  }

  /** Returns the interval to the next check. The more unready Connectors a namespace has, the longer are theirs. */
  #intervalMs({ ref }: Connector, results: readonly ConditionResult[], state: CheckState): number {
    const { timings, kubeClock } = this.#options;
    const jitter = 0.8 + 0.4 * kubeClock.random();
    const isReady = results.some(({ type, status }) => type === 'Ready' && status === 'True');
    state.unreadyChecks = isReady ? 0 : state.unreadyChecks + 1;
    if (isReady) return jitter * timings.checkMs;
    const backoffMs = doublingMs(state.unreadyChecks, timings.againMs, timings.unreadyMs);
    return jitter * Math.max(backoffMs, this.#unready.of(ref.namespace).acquireLater(timings.checkMs));
  }

  #stateOf(name: string): CheckState {
    const state = this.#states.get(name) ?? { ...newCheckState(''), checkedMs: -Infinity };
    this.#states.set(name, state);
    return state;
  }

  /** Returns the address for pods; nothing for a new Connector whose class can be of another proxy. */
  #addressOf({ ref, className, proxyAddress }: Connector): StatusOfProxy {
    if (proxyAddress === undefined && !isReadable(this.#options.objects.connectorClass(className))) return {};
    return this.#options.writer.addressAt(connectorUrl(this.#options.service, ref));
  }

  /** Returns a digest of all watched inputs of a check. It is kept for each Connector, so it is short. */
  #subjectOf(connector: Connector): string {
    const { object, className } = connector;
    const { ca, objects } = this.#options;
    const found = objects.connectorClass(className);
    const ofClass = found instanceof CodedError ? found.message : found && identityOf(found);
    const certificate = caProblem(ca) === undefined ? ca.current().certificate : '';
    // Annotations do not change the generation.
    const rules = [object, ...(found === undefined || found instanceof CodedError ? [] : [found.object])].map(
      annotationsOf,
    );
    const inputs = [metadataText(object, 'uid'), String(generationOf(object)), ofClass, certificate, rules];
    return createHash('sha256').update(JSON.stringify(inputs)).digest('base64');
  }
}

/** Returns the status of the condition `Ready`. */
export function readyIn({ object }: Connector): JsonValue | undefined {
  return conditionOf(conditionsIn(object), 'Ready')?.['status'];
}

function newCheckState(subject: string): Omit<CheckState, 'checkedMs'> {
  return {
    subject,
    dueMs: -Infinity,
    unreadyChecks: 0,
    doubt: 'none',
    rejected: undefined,
    rejectedMs: -Infinity,
  };
}

function isReadable(found: ReturnType<ConnectorInformer['connectorClass']>): found is ConnectorClass {
  return found !== undefined && !(found instanceof CodedError);
}

function identityOf({ object }: ConnectorClass): string {
  return `${metadataText(object, 'uid') ?? ''} ${String(generationOf(object))}`;
}

/**
 * Returns the results for a Connector whose class does not exist.
 * @param names of the existing classes.
 */
export function missingClassResults({ className }: Connector, names: Iterable<string>): readonly ConditionResult[] {
  const existing = [...names].sort();
  const fix =
    existing.length === 0
      ? 'no ConnectorClass exists, create it'
      : `create it, or change spec.connectorClassName to one that exists (${listed(existing)})`;
  const found = falseResult('ConnectorClassReady', 'NotFound', `connectorclass ${className} does not exist: ${fix}`);
  return [found, readiness([found])];
}
