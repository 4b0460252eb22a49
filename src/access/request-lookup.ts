import type { CodedError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { isKubeError } from '../kube/kube-error.js';
import type { KubeError } from '../kube/kube-error.js';
import { metadataText } from '../kube/kube-object.js';
import type { FlowKey } from '../limits/flow-key.js';
import { apiFailure } from '../kube/api-failure.js';
import { connectorsGroup } from '../connectors/api-group.js';
import { accessRequestName, accessRequests, isAbout, selectorOf } from './access-request.js';
import type { ApprovalSubject } from './access-request.js';

export interface LookupOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * Finds the AccessRequest of a case, also one that another program has made: the one with our name, else the oldest.
 * @throws {CodedError} UNAVAILABLE when there is no answer now, FAILED_PRECONDITION when the program must not list them
 * or the kind does not exist, or the signal's reason.
 */
export async function findRequest(
  client: KubeClient,
  about: ApprovalSubject,
  options: LookupOptions,
): Promise<JsonObject | undefined> {
  const location = { type: accessRequests, namespace: about.connector.namespace };
  try {
    const selection = { labelSelector: selectorOf(about) };
    const { items } = await client.list(location, selection, { ...options, owner: ownerOf(about) });
    const ours = items.filter((item) => isAbout(about, item));
    const oldestFirst = ours.sort((a, b) => (ageKey(a) < ageKey(b) ? -1 : 1));
    return oldestFirst.find((item) => metadataText(item, 'name') === accessRequestName(about)) ?? oldestFirst[0];
  } catch (error) {
    throw requestFailure(error, about, 'looking for', ['list'], client.problem);
  }
}

/**
 * As `findRequest`, by name first: a GET costs the API server less than a list of all requests of a namespace.
 * @throws as `findRequest`.
 */
export async function findRequestByName(
  client: KubeClient,
  about: ApprovalSubject,
  options: LookupOptions,
): Promise<JsonObject | undefined> {
  const location = { type: accessRequests, namespace: about.connector.namespace, name: accessRequestName(about) };
  try {
    const request = await client.get(location, { ...options, owner: ownerOf(about) });
    if (isAbout(about, request)) return request;
  } catch (error) {
    if (!isKubeError(error, 404)) throw requestFailure(error, about, 'reading', ['get'], client.problem);
  }
  return findRequest(client, about, options);
}

export function ownerOf({ pod }: ApprovalSubject): FlowKey {
  return { namespace: pod.namespace, podUid: pod.uid };
}

function ageKey(request: JsonObject): string {
  return `${metadataText(request, 'creationTimestamp') ?? ''} ${metadataText(request, 'name') ?? ''}`;
}

/**
 * @param doing what the driver does with it, as in "making the AccessRequest of …".
 * @param problem why the API server did not answer when it was last asked.
 */
export function requestFailure(
  error: unknown,
  about: ApprovalSubject,
  doing: string,
  verbs: readonly string[],
  problem?: KubeError,
): CodedError {
  const { namespace, name } = about.connector;
  return apiFailure(error, {
    doing: `${doing} the AccessRequest of this pod for connector ${namespace}/${name}`,
    needed: { apiGroup: connectorsGroup, resource: accessRequests.plural, resourceNames: [], verbs },
    problem,
    statusMappings: { 404: { code: 'FAILED_PRECONDITION', explain: withoutKind } },
  });
}

function withoutKind(answer: string): string {
  return `${answer}; install the CustomResourceDefinition accessrequests.${connectorsGroup}, or set enable-connectors-approval to "false" in ConfigMap connectors-config`;
}
