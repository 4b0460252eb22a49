import { ObjectReferences } from '../connectors/object-references.js';
import { WatchQuota } from '../connectors/watch-quota.js';
import type { FlowKey } from '../../shared/limits/flow-key.js';
import type { LimitObserver } from '../../shared/limits/limit-observer.js';

/** An AccessRequest by namespace and name. */
export interface WatchedRequest {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Quota of watches on pending AccessRequests, with the same shares for pods and namespaces as for Connectors. A volume
 * can wait for 32 requests, each of which is a stream at the API server.
 */
export class AccessRequestWatchQuota {
  readonly #users = new ObjectReferences();
  readonly #quota: WatchQuota;
  readonly #maxCount: number;
  #lastKey = 0;

  constructor(maxCount: number, observer: LimitObserver) {
    this.#maxCount = maxCount;
    this.#quota = new WatchQuota(this.#users, maxCount, observer);
  }

  /**
   * Reserves a watch for each request, all or none.
   * @returns a function that releases them.
   * @throws {CodedError} RESOURCE_EXHAUSTED naming the share that is used up.
   */
  reserve(requests: readonly WatchedRequest[], owner: FlowKey): () => void {
    const reserved: string[] = [];
    const release = (): void => reserved.splice(0).forEach((key) => this.#users.remove(key, owner));
    try {
      for (const { namespace, name } of requests) {
        this.#ensureWithinLimits(`accessrequest ${namespace}/${name}`, owner);
        // Two calls that wait for the same request have one watch each.
        const key = String((this.#lastKey += 1));
        this.#users.add(key, owner);
        reserved.push(key);
      }
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }

  #ensureWithinLimits(what: string, owner: FlowKey): void {
    this.#quota.ensureWithinShare(what, owner, 1);
    if (this.#users.count >= this.#maxCount) this.#quota.rejectAll(what, owner);
  }
}
