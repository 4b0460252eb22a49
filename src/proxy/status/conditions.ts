import type { JsonObject, JsonValue } from '../../shared/json.js';
import { isJsonObject, jsonItems, jsonMember } from '../../shared/json.js';

/** Conditions of a Connector that the proxy writes. Others in the list belong to other controllers. */
export const conditionTypes = [
  'ConnectorClassReady',
  'SecretReady',
  'CACertReady',
  'ProxyServiceReady',
  'LivenessReady',
  'AuthReady',
  'Ready',
] as const;

/** Conditions of a ConnectorClass that the proxy writes. */
export const classConditionTypes = ['ProxyReady', 'Ready'] as const;

export type ClassConditionType = (typeof classConditionTypes)[number];
export type ConditionType = (typeof conditionTypes)[number] | ClassConditionType;
/** Reasons of conditions. A test compares them with docs/troubleshooting.md. */
export const conditionReasons = [
  'Ready',
  'NotFound',
  'Unusable',
  'Unreadable',
  'NotChecked',
  'NotNeeded',
  'SecretOptional',
  'NoAddress',
  'TooManyAddresses',
  'AddressOfProxy',
  'UnknownAuth',
  'CACertSecretNotFound',
  'InvalidCACert',
  'NoCA',
  'BrokenRules',
  'BrokenGenerator',
  'UnsupportedGenerator',
  'Answered',
  'Accepted',
  'NonAuthProbe',
  'Rejected',
  'Unreachable',
  'UnexpectedAnswer',
  'ProbeUnusable',
] as const;

export type ConditionReason = (typeof conditionReasons)[number];
export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** The result of a check for one condition. */
export interface ConditionResult {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  readonly reason: ConditionReason;
  /**
   * One line that names the fix, constant while the problem is the same, without secrets. Empty if there is no problem.
   */
  readonly message: string;
  /** When the tool was probed for it, in milliseconds since the epoch; undefined if it was not. */
  readonly probedMs?: number | undefined;
}

export function isTrue(type: ConditionType, reason: ConditionReason): ConditionResult {
  return { type, status: 'True', reason, message: '' };
}

export function isFalse(type: ConditionType, reason: ConditionReason, message: string): ConditionResult {
  return { type, status: 'False', reason, message };
}

export function isUnknown(type: ConditionType, reason: ConditionReason, message: string): ConditionResult {
  return { type, status: 'Unknown', reason, message };
}

/** Returns `Ready` from all other conditions. An unknown condition prevents it, except for the results of probes. */
export function readiness(results: readonly ConditionResult[]): ConditionResult {
  const bad =
    results.find(({ status }) => status === 'False') ??
    results.find(({ type, status }) => status === 'Unknown' && type !== 'LivenessReady' && type !== 'AuthReady');
  const { status, reason, message } = bad ?? isTrue('Ready', 'Ready');
  return { type: 'Ready', status, reason, message };
}

function isConditionReason(value: JsonValue | undefined): value is ConditionReason {
  return (conditionReasons as readonly (JsonValue | undefined)[]).includes(value);
}

/** Returns the conditions in an object's status; malformed entries are ignored. */
export function conditionsIn(object: JsonObject): readonly JsonObject[] {
  return jsonItems(jsonMember(object['status'], 'conditions')).filter(isJsonObject);
}

export function conditionOf(conditions: readonly JsonObject[], type: ConditionType): JsonObject | undefined {
  return conditions.find((condition) => condition['type'] === type);
}

/** Returns a result; for one that could not be checked, the current condition of the same generation if there is one. */
export function keepUnchecked(
  result: ConditionResult,
  conditions: readonly JsonObject[],
  generation: bigint,
): ConditionResult {
  if (result.reason !== 'NotChecked') return result;
  const before = conditionOf(conditions, result.type);
  const status = before?.['status'];
  if (before?.['observedGeneration'] !== generation || (status !== 'True' && status !== 'False')) return result;
  const { reason, message } = before;
  if (!isConditionReason(reason) || typeof message !== 'string') return result;
  return { type: result.type, status, reason, message, probedMs: probeTimeOf(before) };
}

interface MergeOptions {
  /** Whether conditions keep the time of an earlier probe, so that it is no difference. */
  readonly isProbeTimeKept?: boolean;
  /** Types that the proxy writes. */
  readonly own?: readonly ConditionType[];
}

/**
 * Returns the updated list: the proxy's conditions from the results, those of other controllers unchanged. A condition
 * with an unchanged status keeps its transition time.
 * @param generation that the results are for.
 * @param nowMs milliseconds since the epoch.
 */
export function merged(
  conditions: readonly JsonObject[],
  results: readonly ConditionResult[],
  generation: bigint,
  nowMs: number,
  { isProbeTimeKept = false, own = conditionTypes }: MergeOptions = {},
): readonly JsonObject[] {
  return [
    ...conditions.filter(({ type }) => !own.includes(type as ConditionType)),
    ...results.map((result) => {
      const before = conditionOf(conditions, result.type);
      const probed = isProbeTimeKept ? before?.[probeTime] : undefined;
      return asCondition(result, before, generation, nowMs, probed);
    }),
  ];
}

/** Reports whether the time of a probe in the status is not within `maxMs` of the latest probe. */
export function isProbeTimeOld(
  conditions: readonly JsonObject[],
  results: readonly ConditionResult[],
  maxMs: number,
): boolean {
  return results.some(({ type, probedMs }) => {
    if (probedMs === undefined) return false;
    const time = conditionOf(conditions, type)?.[probeTime];
    // Another replica's clock can be ahead. A text that is no time is old.
    return typeof time !== 'string' || !(Math.abs(probedMs - Date.parse(time)) < maxMs);
  });
}

const probeTime = 'lastProbeTime';

/** Returns the time of the probe that a condition is about, in milliseconds since the epoch; undefined without one. */
function probeTimeOf(condition: JsonObject): number | undefined {
  const time = condition[probeTime];
  const ms = typeof time === 'string' ? Date.parse(time) : NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function asCondition(
  result: ConditionResult,
  before: JsonObject | undefined,
  generation: bigint,
  nowMs: number,
  keptProbeTime: JsonValue | undefined,
): JsonObject {
  const { type, status, reason, message, probedMs } = result;
  const now = timestamp(nowMs);
  const lastTransitionTime = before?.['status'] === status ? (before['lastTransitionTime'] ?? now) : now;
  const kept = Object.entries(before ?? {}).filter(([key]) => key !== probeTime);
  return {
    ...Object.fromEntries(kept),
    ...{ type, status, reason, message, lastTransitionTime, observedGeneration: generation },
    ...(probedMs === undefined ? {} : { [probeTime]: keptProbeTime ?? timestamp(probedMs) }),
  };
}

/** Returns the time in RFC 3339, in seconds. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, '');
}
