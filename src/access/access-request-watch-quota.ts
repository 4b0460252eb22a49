import { ObjectReferences } from '../connectors/object-references.js';
import { WatchQuota } from '../connectors/watch-quota.js';
import type { FlowKey } from '../limits/flow-key.js';
import type { LimitObserver } from '../limits/limit-observer.js';

/** An AccessRequest by namespace and name. */
export interface WatchedRequest {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Says who may have AccessRequestClient watched while they are pending, and how many: as many as Connectors, with the same
 * shares for pods and namespaces. A volume may wait for 32, and each is a stream at the API server.
 */
export class AccessRequestWatchQuota {
  readonly #users = new ObjectReferences();
  readonly #slots: WatchQuota;
  readonly #maxCount: number;
  #held = 0;

  constructor(maxCount: number, observer: LimitObserver) {
    this.#maxCount = maxCount;
    this.#slots = new WatchQuota(this.#users, maxCount, observer);
  }

  /**
   * Holds a place for each, all or none.
   * @returns gives them back.
   * @throws {CodedError} RESOURCE_EXHAUSTED saying whose share is used up.
   */
  hold(requests: readonly WatchedRequest[], owner: FlowKey): () => void {
    const held: string[] = [];
    const giveBack = (): void => held.splice(0).forEach((key) => this.#users.remove(key, owner));
    try {
      for (const { namespace, name } of requests) {
        this.#ensurePlace(`accessrequest ${namespace}/${name}`, owner);
        // Two calls that wait for the same have a watch each.
        const key = String((this.#held += 1));
        this.#users.add(key, owner);
        held.push(key);
      }
    } catch (error) {
      giveBack();
      throw error;
    }
    return giveBack;
  }

  #ensurePlace(what: string, owner: FlowKey): void {
    this.#slots.ensureWithinShare(what, owner, 1);
    if (this.#users.count >= this.#maxCount) this.#slots.rejectAll(what, owner);
  }
}
