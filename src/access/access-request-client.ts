import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { isKubeError } from '../kube/kube-error.js';
import { Reflector } from '../kube/reflector.js';
import type { Log } from '../log.js';
import { accessRequestFor, accessRequestName, accessRequests } from './access-request.js';
import type { ApprovalSubject } from './access-request.js';
import { findRequest, ownerOf, requestFailure } from './request-lookup.js';

/** Milliseconds for one call with its retries. */
const callTimeoutMs = 15_000;

/**
 * The AccessRequestClient at the API server.
 * @throws (all that ask) {CodedError} UNAVAILABLE when there is no answer now, FAILED_PRECONDITION when the driver may
 * not ask or the API does not exist, or the signal's reason.
 */
export class AccessRequestClient {
  readonly #client: KubeClient;
  readonly #nodeName: string;
  readonly #log: Log;

  /** @param nodeName of this driver. */
  constructor(client: KubeClient, nodeName: string, log: Log) {
    this.#client = client;
    this.#nodeName = nodeName;
    this.#log = log;
  }

  /** See findRequest. */
  find(about: ApprovalSubject, signal: AbortSignal): Promise<JsonObject | undefined> {
    return findRequest(this.#client, about, { signal, timeoutMs: callTimeoutMs });
  }

  /** Makes the request unless it is there already, made by another call meanwhile. */
  async create(about: ApprovalSubject, signal: AbortSignal): Promise<void> {
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
    this.#log.info('Requested approval', {
      namespace: connector.namespace,
      name: accessRequestName(about),
      pod: `${pod.namespace}/${pod.name}`,
      connector: `${connector.namespace}/${connector.name}`,
    });
  }

  /** Of one request. To be started and stopped by the caller. */
  reflector(about: ApprovalSubject, name: string): Reflector {
    const target = { type: accessRequests, namespace: about.connector.namespace, name, owner: ownerOf(about) };
    return new Reflector(this.#client, target, this.#log);
  }
}
