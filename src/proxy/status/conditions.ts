import type { JsonObject, JsonValue } from '../../json.js';
import { isJsonObject, jsonMember } from '../../json.js';

/** The conditions of a Connector that the proxy writes; others in the list are somebody else's. */
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

/** What is the case, before it is known whether that is news. */
export interface ConditionResult {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  /** CamelCase, of a closed set. */
  readonly reason: string;
  /** One line that names the fix, the same as long as the case is the same, and no secret; empty if nothing is to be fixed. */
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
 * `Ready` of all others: what is not known stands in its way, but for the tool's own answers.
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

/** The list in the object's status; what is no condition is left out. */
export function conditionsIn(object: JsonObject): readonly JsonObject[] {
  const list = jsonMember(object['status'], 'conditions');
  return Array.isArray(list) ? (list as readonly JsonValue[]).filter(isJsonObject) : [];
}

export function conditionOf(conditions: readonly JsonObject[], type: ConditionType): JsonObject | undefined {
  return conditions.find((condition) => condition['type'] === type);
}

/**
 * The list as it should be: the proxy's own conditions as found, those of others as they are. A condition whose
 * status is the same keeps its time.
 * @param generation that the findings are about. @param now RFC 3339.
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
