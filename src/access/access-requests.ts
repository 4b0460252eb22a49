import type { DriverError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { isKubeError } from '../kube/kube-error.js';
import type { KubeError } from '../kube/kube-error.js';
import { metadataText } from '../kube/kube-object.js';
import { Reflector } from '../kube/reflector.js';
import type { CallOwner } from '../load/call-owner.js';
import type { Log } from '../log.js';
import { accessRequestFor, accessRequestName, accessRequests, isAbout, selectorOf } from './access-request.js';
import type { ApprovalCase } from './access-request.js';
import { apiFailure } from '../kube/api-failure.js';
import { connectorsGroup } from '../connectors/api-group.js';

/** Milliseconds for one call with its retries. */
const callTimeoutMs = 15_000;

/**
 * The AccessRequests at the API server.
 * @throws (all that ask) {DriverError} UNAVAILABLE when there is no answer now, FAILED_PRECONDITION when the driver may
 * not ask or the API does not exist, or the signal's reason.
 */
export class AccessRequests {
  readonly #client: KubeClient;
  readonly #nodeName: string;
  readonly #log: Log;

  /** @param nodeName of this driver. */
  constructor(client: KubeClient, nodeName: string, log: Log) {
    this.#client = client;
    this.#nodeName = nodeName;
    this.#log = log;
  }

  /** The request of this case whoever made it: the one with our name, else the oldest. */
  async find(about: ApprovalCase, signal: AbortSignal): Promise<JsonObject | undefined> {
    const { namespace } = about.connector;
    const location = { type: accessRequests, namespace };
    try {
      const options = { signal, timeoutMs: callTimeoutMs, owner: ownerOf(about) };
      const { items } = await this.#client.list(location, { labelSelector: selectorOf(about) }, options);
      const ours = items.filter((item) => isAbout(about, item));
      const oldestFirst = ours.sort((a, b) => (ageKey(a) < ageKey(b) ? -1 : 1));
      return oldestFirst.find((item) => metadataText(item, 'name') === accessRequestName(about)) ?? oldestFirst[0];
    } catch (error) {
      throw requestFailure(error, about, 'looking for', ['list'], this.#client.problem);
    }
  }

  /** Makes the request unless it is there already, made by another call meanwhile. */
  async create(about: ApprovalCase, signal: AbortSignal): Promise<void> {
    const { pod, connector } = about;
    const location = { type: accessRequests, namespace: connector.namespace };
    try {
      // The name makes repeating harmless: a second try finds what the first one has made.
      await this.#client.create(location, accessRequestFor(about, this.#nodeName), {
        signal,
        timeoutMs: callTimeoutMs,
        owner: ownerOf(about),
        isIdempotent: true,
      });
    } catch (error) {
      if (isKubeError(error, 409) && error.reason === 'AlreadyExists') return;
      throw requestFailure(error, about, 'making', ['create'], this.#client.problem);
    }
    this.#log.info('approval requested', {
      namespace: connector.namespace,
      name: accessRequestName(about),
      pod: `${pod.namespace}/${pod.name}`,
      connector: `${connector.namespace}/${connector.name}`,
    });
  }

  /** Of one request. To be started and stopped by the caller. */
  reflector(about: ApprovalCase, name: string): Reflector {
    const target = { type: accessRequests, namespace: about.connector.namespace, name, owner: ownerOf(about) };
    return new Reflector(this.#client, target, this.#log);
  }
}

function ownerOf({ pod }: ApprovalCase): CallOwner {
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
  about: ApprovalCase,
  doing: string,
  verbs: readonly string[],
  problem?: KubeError,
): DriverError {
  const { namespace, name } = about.connector;
  return apiFailure(error, {
    doing: `${doing} the AccessRequest of this pod for connector ${namespace}/${name}`,
    needed: { apiGroup: connectorsGroup, resource: accessRequests.plural, resourceNames: [], verbs },
    problem,
    refusals: { 404: { code: 'FAILED_PRECONDITION', explain: withoutKind } },
  });
}

function withoutKind(answer: string): string {
  return `${answer}; install the CustomResourceDefinition accessrequests.${connectorsGroup}, or set enable-connectors-approval to "false" in ConfigMap connectors-config`;
}
