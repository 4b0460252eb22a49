import { jsonMember } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { metadataText } from '../kube/kube-object.ts';
import { limits } from '../limits/defaults.ts';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export type ApprovalState =
  | { readonly kind: 'pending' | 'granted' | 'leaving' }
  /** `over`: the permission was cleaned up. `unmatched`: no policy covers this connector. */
  | { readonly kind: 'over' | 'unmatched'; readonly message: string }
  | { readonly kind: 'rejected'; readonly checks: readonly Condition[] };

/**
 * Returns the state that an AccessRequest's conditions describe, in both spellings in use. Controllers set conditions
 * one by one and do not reset earlier ones, so the first match counts:
 *
 * 1. `over`: the permission was cleaned up, whatever the other conditions say.
 * 2. `rejected`: a rejection overrides a grant.
 * 3. `leaving`: the object is being deleted, and its permission with it.
 * 4. `granted`: even if the policy has changed since.
 * 5. `unmatched`: no policy covers the connector, so it will not be decided.
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

/** Returns the checks that rejected the request. `Ready` only repeats their result. */
function rejectingChecks(conditions: readonly Condition[]): readonly Condition[] {
  return conditions.filter(({ type, status, reason }) => type !== 'Ready' && status === 'False' && isRejection(reason));
}

function isRejection(reason: string): boolean {
  return reason === 'Rejected' || reason === 'AccessCheckRejected';
}

/**
 * Parses conditions. A malformed condition becomes an empty one, which matches nothing: the next update may correct it.
 */
function parseConditions(value: JsonValue | undefined): readonly Condition[] {
  if (!Array.isArray(value)) return [];
  return value.map((condition: JsonValue) => {
    const text = (key: string): string => {
      const member = jsonMember(condition, key);
      return typeof member === 'string' ? member.slice(0, limits.access.messageCharacters) : '';
    };
    return { type: text('type'), status: text('status'), reason: text('reason'), message: text('message') };
  });
}
