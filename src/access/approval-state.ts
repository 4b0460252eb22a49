import { jsonMember } from '../json.js';
import type { JsonObject, JsonValue } from '../json.js';
import { metadataText } from '../kube/kube-object.js';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export type ApprovalState =
  | { readonly kind: 'pending' | 'granted' | 'leaving' }
  /** The permission was cleaned up, or no policy is for this connector. */
  | { readonly kind: 'over' | 'unmatched'; readonly message: string }
  | { readonly kind: 'rejected'; readonly checks: readonly Condition[] };

/** The API server takes more; what a pod's author reads need not be longer. */
const maxMessageLength = 2000;

/**
 * What the conditions of an AccessRequest say, in both spellings that are in use. A controller sets them one by one, and none is taken back when the next
 * one comes, so the first of these that holds counts:
 *
 * 1. over: the permission was there and was cleaned up, whatever else is still said.
 * 2. rejected: a no is never outvoted.
 * 3. leaving: the object is being deleted; with it goes the permission.
 * 4. granted: also when the policy has been changed since.
 * 5. unmatched: no policy covers the connector, nobody will decide.
 */
export function approvalStateOf(request: JsonObject): ApprovalState {
  const conditions = parseConditions(jsonMember(request['status'], 'conditions'));
  const find = (
    types: readonly string[],
    status: string,
    isReason: (reason: string) => boolean = () => true,
  ): Condition | undefined =>
    conditions.find((each) => types.includes(each.type) && each.status === status && isReason(each.reason));
  const over = find(['AccessPermissionSync', 'PermissionSynced'], 'True', (reason) => reason === 'PermissionCleanUp');
  if (over) return { kind: 'over', message: over.message };
  if (find(['AccessCheckReady'], 'False', isRejection))
    return { kind: 'rejected', checks: rejectingChecks(conditions) };
  if (metadataText(request, 'deletionTimestamp') !== undefined) return { kind: 'leaving' };
  if (find(['Ready'], 'True')) return { kind: 'granted' };
  const unmatched = find(['AccessPolicyMatched'], 'False');
  return unmatched ? { kind: 'unmatched', message: unmatched.message } : { kind: 'pending' };
}

/** `Ready` only repeats what the checks have said. */
function rejectingChecks(conditions: readonly Condition[]): readonly Condition[] {
  return conditions.filter(({ type, status, reason }) => type !== 'Ready' && status === 'False' && isRejection(reason));
}

function isRejection(reason: string): boolean {
  return reason === 'Rejected' || reason === 'AccessCheckRejected';
}

/** What is no condition is left out: the next update may bring it right. */
function parseConditions(value: JsonValue | undefined): readonly Condition[] {
  if (!Array.isArray(value)) return [];
  return value.map((condition: JsonValue) => {
    const text = (key: string): string => {
      const member = jsonMember(condition, key);
      return typeof member === 'string' ? member.slice(0, maxMessageLength) : '';
    };
    return { type: text('type'), status: text('status'), reason: text('reason'), message: text('message') };
  });
}
