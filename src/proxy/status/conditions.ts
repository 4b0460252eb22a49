import type { JsonObject } from '../../shared/json.ts';
import { isJsonObject, jsonItems, jsonMember } from '../../shared/json.ts';

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

type ClassConditionType = (typeof classConditionTypes)[number];
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
  'IdentityForbidden',
  'IdentityNotFound',
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

type ConditionReason = (typeof conditionReasons)[number];
type ConditionStatus = 'True' | 'False' | 'Unknown';

/** The result of a check for one condition. */
export interface ConditionResult {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  readonly reason: ConditionReason;
  /**
   * One line that names the fix, constant while the problem is the same, without secrets. Empty if there is no problem.
   */
  readonly message: string;
}

export function trueResult(type: ConditionType, reason: ConditionReason): ConditionResult {
  return { type, status: 'True', reason, message: '' };
}

export function falseResult(type: ConditionType, reason: ConditionReason, message: string): ConditionResult {
  return { type, status: 'False', reason, message };
}

export function unknownResult(type: ConditionType, reason: ConditionReason, message: string): ConditionResult {
  return { type, status: 'Unknown', reason, message };
}

/** Returns `Ready` from all other conditions. An unknown condition prevents it, except for the results of probes. */
export function readiness(results: readonly ConditionResult[]): ConditionResult {
  const bad =
    results.find(({ status }) => status === 'False') ??
    results.find(({ type, status }) => status === 'Unknown' && type !== 'LivenessReady' && type !== 'AuthReady');
  const { status, reason, message } = bad ?? trueResult('Ready', 'Ready');
  return { type: 'Ready', status, reason, message };
}

/** Returns the conditions in an object's status; malformed entries are ignored. */
export function conditionsIn(object: JsonObject): readonly JsonObject[] {
  return jsonItems(jsonMember(object['status'], 'conditions')).filter(isJsonObject);
}

export function conditionOf(conditions: readonly JsonObject[], type: ConditionType): JsonObject | undefined {
  return conditions.find((condition) => condition['type'] === type);
}

/**
 * Returns the updated list: the proxy's conditions from the results, those of other controllers unchanged. A condition
 * with an unchanged status keeps its transition time.
 * @param generation that the results are for.
 * @param nowMs milliseconds since the epoch.
 * @param own types that the proxy writes.
 */
export function merged(
  conditions: readonly JsonObject[],
  results: readonly ConditionResult[],
  generation: bigint,
  nowMs: number,
  own: readonly ConditionType[],
): readonly JsonObject[] {
  const now = new Date(nowMs).toISOString().replace(/\.\d+/, '');
  return [
    ...conditions.filter(({ type }) => !own.includes(type as ConditionType)),
    ...results.map((result) => {
      const before = conditionOf(conditions, result.type);
      const lastTransitionTime = before?.['status'] === result.status ? (before['lastTransitionTime'] ?? now) : now;
      const { type, status, reason, message } = result;
      return { type, status, reason, message, lastTransitionTime, observedGeneration: generation };
    }),
  ];
}
