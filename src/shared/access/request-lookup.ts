import type { CodedError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { KubeError } from '../kube/kube-error.ts';
import { metadataText } from '../kube/kube-object.ts';
import type { Owner } from '../limits/owner.ts';
import { apiFailure } from '../kube/api-failure.ts';
import { connectorsGroup } from '../connectors/api-group.ts';
import { accessRequestName, accessRequests, isAbout, selectorOf } from './access-request.ts';
import type { ApprovalSubject } from './access-request.ts';

interface LookupOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Finds the AccessRequest of a subject, regardless of its creator: the one with the deterministic name, else the
 * oldest.
 * @throws {CodedError} UNAVAILABLE without a response, FAILED_PRECONDITION without permission or CRD, or the signal's
 * reason.
 */
export async function findRequest(
  client: KubeClient,
  subject: ApprovalSubject,
  options: LookupOptions,
): Promise<JsonObject | undefined> {
  const location = { type: accessRequests, namespace: subject.connector.namespace };
  try {
    const selection = { labelSelector: selectorOf(subject) };
    const items = await client.list(location, selection, { ...options, owner: requesterOf(subject) });
    const ours = items.filter((item) => isAbout(subject, item));
    const oldestFirst = ours.sort((a, b) => (ageKey(a) < ageKey(b) ? -1 : 1));
    return oldestFirst.find((item) => metadataText(item, 'name') === accessRequestName(subject)) ?? oldestFirst[0];
  } catch (error) {
    throw requestFailure(error, subject, 'looking for', ['list'], client.problem);
  }
}

export function requesterOf({ pod }: ApprovalSubject): Owner {
  return { namespace: pod.namespace, podUid: pod.uid };
}

function ageKey(request: JsonObject): string {
  return `${metadataText(request, 'creationTimestamp') ?? ''} ${metadataText(request, 'name') ?? ''}`;
}

/**
 * Converts a failed API call to an error for the pod's author.
 * @param doing the driver's operation, as in "making the AccessRequest of …".
 * @param problem why the API server did not respond to the last request.
 */
export function requestFailure(
  error: unknown,
  subject: ApprovalSubject,
  doing: string,
  verbs: readonly string[],
  problem?: KubeError,
): CodedError {
  const { namespace, name } = subject.connector;
  return apiFailure(error, {
    doing: `${doing} the AccessRequest of this pod for connector ${namespace}/${name}`,
    needed: { apiGroup: connectorsGroup, resource: accessRequests.plural, resourceNames: [], verbs },
    problem,
    statusMappings: { 404: { code: 'FAILED_PRECONDITION', explain: withoutKind } },
  });
}

function withoutKind(message: string): string {
  return `${message}; install the CustomResourceDefinition accessrequests.${connectorsGroup}, or set enable-connectors-approval to "false" in ConfigMap connectors-config`;
}
