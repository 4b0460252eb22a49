import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../shared/clock.js';
import type { Connector } from '../../shared/connectors/model.js';
import { CodedError } from '../../shared/errors.js';
import { jsonMember } from '../../shared/json.js';
import type { JsonObject, JsonValue } from '../../shared/json.js';
import { generationOf } from '../../shared/kube/kube-object.js';
import { backoffMs } from '../../shared/limits/backoff.js';
import { caProblem } from '../certificates/certificate-authority.js';
import type { CaSource } from '../certificates/certificate-authority.js';
import type { ObjectKind, ConnectorLister } from '../connectors/connector-lookup.js';
import type { Generators } from '../credentials/generator/generators.js';
import type { ConditionEvaluator } from './condition-evaluator.js';
import {
  isFalse,
  isTrue,
  classConditionTypes,
  conditionOf,
  conditionsIn,
  isProbeTimeOld,
  merged,
} from './conditions.js';
import type { ConditionResult } from './conditions.js';
import { isOwn } from './ownership.js';
import { classUrl, connectorUrl, isFrontedBy } from './proxy-service.js';
import type { ProxyService } from './proxy-service.js';
import type { ReconcileState } from './reconcile-state.js';
import type { StatusPatches } from './status-patches.js';
import type { StatusTimings } from './status-timings.js';

export interface StatusUpdatesOptions {
  readonly objects: ConnectorLister;
  readonly evaluator: ConditionEvaluator;
  readonly generators: Generators;
  readonly ca: CaSource;
  readonly service: ProxyService;
  /** Audience of the tokens that the proxy accepts. */
  readonly audience: string;
  readonly patches: StatusPatches;
  readonly timings: StatusTimings;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * Updates the status of one object whose class names the proxy's Service. Only differences are written, and only the
 * proxy's own fields. Results are milliseconds until the next reconciliation.
 */
export class StatusUpdates {
  readonly #options: StatusUpdatesOptions;

  constructor(options: StatusUpdatesOptions) {
    this.#options = options;
  }

  /** @returns undefined if nothing is due until the class changes. */
  async ofClass(name: string, state: ReconcileState, signal: AbortSignal): Promise<number | undefined> {
    const { objects, service, clock, ca, generators } = this.#options;
    const found = objects.connectorClass(name);
    const object = objects.classObject(name);
    if (object === undefined || found === undefined || !isFrontedBy({ object }, service)) return undefined;
    const mistake = found instanceof CodedError ? undefined : await generators.mistakeIn(name, object);
    // A newer revision can have arrived during the check.
    if (objects.classObject(name) !== object) return 0;
    const noCa = caProblem(ca);
    const proxy = noCa === undefined ? isTrue('ProxyReady', 'Ready') : isFalse('ProxyReady', 'NoCA', noCa);
    const problem = found instanceof CodedError ? ({ reason: 'Unusable', message: found.message } as const) : mistake;
    const results: readonly ConditionResult[] = [
      proxy,
      problem === undefined ? { ...proxy, type: 'Ready' } : isFalse('Ready', problem.reason, problem.message),
    ];
    const generation = generationOf(object);
    const before = conditionsIn(object);
    const conditions = merged(before, results, generation, clock.now(), { own: classConditionTypes });
    const wanted = { ...this.#address(classUrl(service)), conditions };
    return this.#write('class', object, wanted, state, signal);
  }

  /** @returns undefined if nothing is due until the Connector changes. */
  async ofConnector(key: string, state: ReconcileState, signal: AbortSignal): Promise<number | undefined> {
    const { objects, evaluator, timings } = this.#options;
    const before = this.#connector(key);
    if (before === undefined) return undefined;
    if (objects.connectorClass(before.className) === undefined && !objects.hasReadClasses) {
      return timings.retryMs;
    }
    if (!this.isOwn(before)) return undefined;
    const isNew = await evaluator.evaluate(before, state, signal);
    // Compare with the newest revision: it can have arrived during the check, with another spec.
    const connector = this.#connector(key);
    if (connector === undefined) return undefined;
    if (!evaluator.isAbout(connector, state)) return 0;

    const generation = generationOf(connector.object);
    const conditions = conditionsIn(connector.object);
    const results = evaluator.results(state, conditions, generation);
    const nowMs = this.#options.clock.now();
    const wanted = (isProbeTimeKept: boolean): OwnStatus => ({
      ...this.#connectorAddress(connector),
      conditions: merged(conditions, results, generation, nowMs, { isProbeTimeKept }),
      observedGeneration: generation,
    });
    // The time of a probe is written with other changes, or alone when it is old.
    const isOld = isNew && isProbeTimeOld(conditions, results, timings.probeTimeMs);
    if (!isOld && statusChange(connector.object, wanted(true)) === undefined) {
      state.doubtedMs = undefined;
      return evaluator.untilNextMs(state);
    }
    if (!isNew) {
      // Another replica has written other results since: these can be outdated.
      evaluator.expire(state);
      return 0;
    }
    const waitMs = evaluator.waitMs(state, results, conditions, generation);
    if (waitMs > 0) return waitMs;
    state.doubtedMs = undefined;
    const retryMs = await this.#write('connector', connector.object, wanted(false), state, signal);
    return retryMs ?? evaluator.untilNextMs(state);
  }

  /** Reports whether this proxy writes the status of the Connector. */
  isOwn(connector: Connector): boolean {
    const { objects, service } = this.#options;
    return isOwn(connector, objects.connectorClass(connector.className), service);
  }

  /** Reports whether the status is complete: for the current generation and with the current address. */
  isWhole(connector: Connector): boolean {
    const ready = conditionOf(conditionsIn(connector.object), 'Ready');
    const isAddressed = statusChange(connector.object, this.#connectorAddress(connector)) === undefined;
    return ready?.['observedGeneration'] === generationOf(connector.object) && isAddressed;
  }

  /** Returns a Connector; undefined if it does not exist or is malformed. */
  #connector(key: string): Connector | undefined {
    const found = this.#options.objects.connector(key);
    return found instanceof CodedError ? undefined : found;
  }

  /** @returns milliseconds until a retry after a failure; undefined if the status is as wanted. */
  async #write(
    kind: ObjectKind,
    object: JsonObject,
    wanted: OwnStatus,
    state: ReconcileState,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const change = statusChange(object, wanted);
    if (change === undefined) return undefined;
    const { patches, timings, random } = this.#options;
    if (await patches.send(kind, object, change, signal)) {
      state.failures = 0;
      state.changes.acquire();
      return undefined;
    }
    state.failures += 1;
    return backoffMs(state.failures, timings.retryMs, timings.checkMs, random);
  }

  #connectorAddress({ ref }: Connector): OwnStatus {
    return this.#address(connectorUrl(this.#options.service, ref));
  }

  /** Returns the address of the proxy; empty while there is no CA, because clients could not trust it. */
  #address(url: string): OwnStatus {
    const { ca, audience } = this.#options;
    if (caProblem(ca) !== undefined) return {};
    return { proxy: { httpAddress: { url, audience, CACerts: ca.current().certificate } } };
  }
}

/** Members of `status` that the proxy writes; null removes a member. */
type OwnStatus = Readonly<Record<string, JsonValue>>;

/**
 * Returns the merge patch that changes the proxy's part of a status to `wanted`; undefined if it is equal. The patch
 * has the object's resourceVersion, so it fails for any other revision.
 */
function statusChange(object: JsonObject, wanted: OwnStatus): JsonObject | undefined {
  const status = differing(jsonMember(object, 'status'), wanted);
  if (status === undefined) return undefined;
  const resourceVersion = jsonMember(object['metadata'], 'resourceVersion') ?? '';
  return { metadata: { resourceVersion }, status };
}

/** Returns the part of a merge patch that differs from the current value. */
function differing(current: JsonValue | undefined, wanted: OwnStatus): JsonObject | undefined {
  const changes = Object.entries(wanted).flatMap(([key, value]): [string, JsonValue][] => {
    const now = jsonMember(current, key);
    if (isObject(value)) {
      const inner = differing(now, value);
      return inner === undefined ? [] : [[key, inner]];
    }
    return isDeepStrictEqual(now, value) ? [] : [[key, value]];
  });
  return changes.length === 0 ? undefined : Object.fromEntries(changes);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
