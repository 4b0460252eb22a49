import type { JsonObject, JsonValue } from '../../json.js';
import { isJsonObject, jsonMember } from '../../json.js';

/** Conditions of a Connector that the proxy writes. Others in the list belong to other controllers. */
export const conditionTypes = [
  'ConnectorClassReady',
  'SecretReady',
  'ProxyServiceReady',
  'LivenessReady',
  'AuthReady',
  'Ready',
] as const;

export type ConditionType = (typeof conditionTypes)[number];
export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** The result of a check for one condition. */
export interface ConditionResult {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  /** CamelCase, of a fixed set. */
  readonly reason: string;
  /**
   * One line that names the fix, constant while the problem is the same, without secrets. Empty if there is no problem.
   */
  readonly message: string;
}

export function isTrue(type: ConditionType, reason: string): ConditionResult {
  return { type, status: 'True', reason, message: '' };
}

export function isFalse(type: ConditionType, reason: string, message: string): ConditionResult {
  return { type, status: 'False', reason, message };
}

export function isUnknown(type: ConditionType, reason: string, message: string): ConditionResult {
  return { type, status: 'Unknown', reason, message };
}

/**
 * Returns `Ready` from all other conditions. An unknown condition prevents it, except for the results of probes.
 * @param hint for the owner of the Connector, whether it is ready or not.
 */
export function readiness(results: readonly ConditionResult[], hint?: string): ConditionResult {
  const bad =
    results.find(({ status }) => status === 'False') ??
    results.find(({ type, status }) => status === 'Unknown' && type !== 'LivenessReady' && type !== 'AuthReady');
  const ready = bad === undefined ? isTrue('Ready', 'Ready') : { ...bad, type: 'Ready' as const };
  return hint === undefined
    ? ready
    : { ...ready, message: [ready.message, hint].filter((text) => text !== '').join('; ') };
}

/** Returns the conditions in an object's status; malformed entries are ignored. */
export function conditionsIn(object: JsonObject): readonly JsonObject[] {
  const list = jsonMember(object['status'], 'conditions');
  return Array.isArray(list) ? (list as readonly JsonValue[]).filter(isJsonObject) : [];
}

export function conditionOf(conditions: readonly JsonObject[], type: ConditionType): JsonObject | undefined {
  return conditions.find((condition) => condition['type'] === type);
}

/**
 * Returns the updated list: the proxy's conditions from the results, those of other controllers unchanged. A condition
 * with an unchanged status keeps its transition time.
 * @param generation that the results are for.
 * @param now RFC 3339.
 */
export function merged(
  conditions: readonly JsonObject[],
  results: readonly ConditionResult[],
  generation: bigint,
  now: string,
): readonly JsonObject[] {
  const own: ReadonlySet<JsonValue | undefined> = new Set(conditionTypes);
  return [
    ...conditions.filter((condition) => !own.has(condition['type'])),
    ...results.map((result) => asCondition(result, conditionOf(conditions, result.type), generation, now)),
  ];
}

function asCondition(
  result: ConditionResult,
  before: JsonObject | undefined,
  generation: bigint,
  now: string,
): JsonObject {
  const { type, status, reason, message } = result;
  const lastTransitionTime = before?.['status'] === status ? (before['lastTransitionTime'] ?? now) : now;
  const after = { type, status, reason, message, lastTransitionTime, observedGeneration: generation };
  return { ...before, ...after };
}
