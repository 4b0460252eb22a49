import type { JsonObject } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { isKubeError } from '../../shared/kube/kube-error.ts';
import { Reflector } from '../../shared/kube/reflector.ts';
import type { Log } from '../../shared/log.ts';
import { accessRequestFor, accessRequestName, accessRequests } from '../../shared/access/access-request.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import { findRequest, requesterOf, requestFailure } from '../../shared/access/request-lookup.ts';
import { objectKey } from '../../shared/names.ts';

/** Timeout of one call with its retries, in milliseconds. */
const callTimeoutMs = 15_000;

/**
 * Client for AccessRequests.
 * @throws (all API calls) {CodedError} UNAVAILABLE without a response, FAILED_PRECONDITION without permission or CRD,
 * or the signal's reason.
 */
export class AccessRequestClient {
  readonly #client: KubeClient;
  readonly #nodeName: string;
  readonly #log: Log;

  /** @param nodeName node of this driver. */
  constructor(client: KubeClient, nodeName: string, log: Log) {
    this.#client = client;
    this.#nodeName = nodeName;
    this.#log = log;
  }

  /** Finds the request for a subject, see `findRequest`. */
  find(subject: ApprovalSubject, signal: AbortSignal): Promise<JsonObject | undefined> {
    return findRequest(this.#client, subject, { signal, timeoutMs: callTimeoutMs });
  }

  /** Creates the request unless it exists. */
  async create(subject: ApprovalSubject, signal: AbortSignal): Promise<void> {
    const { pod, connector } = subject;
    const location = { type: accessRequests, namespace: connector.namespace };
    try {
      // The deterministic name makes retries idempotent: a second attempt finds the object of the first.
      await this.#client.create(location, accessRequestFor(subject, this.#nodeName), {
        signal,
        timeoutMs: callTimeoutMs,
        owner: requesterOf(subject),
        isIdempotent: true,
      });
    } catch (error) {
      if (isKubeError(error, 409) && error.reason === 'AlreadyExists') return;
      throw requestFailure(error, subject, 'making', ['create'], this.#client.problem);
    }
    this.#log.info('Requested approval', {
      namespace: connector.namespace,
      name: accessRequestName(subject),
      pod: objectKey(pod),
      connector: objectKey(connector),
    });
  }

  /** Returns a reflector of one request. The caller starts and stops it. */
  reflector(subject: ApprovalSubject, name: string): Reflector {
    const target = { type: accessRequests, namespace: subject.connector.namespace, name, owner: requesterOf(subject) };
    return new Reflector(this.#client, target, this.#log);
  }
}
