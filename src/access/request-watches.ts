import { ObjectUsers } from '../connectors/object-users.js';
import { WatchSlots } from '../connectors/watch-slots.js';
import type { CallOwner } from '../load/call-owner.js';
import type { LoadObserver } from '../load/load-observer.js';

/** An AccessRequest by namespace and name. */
export interface WatchedRequest {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Says who may have AccessRequests watched while they are pending, and how many: as many as Connectors, with the same
 * shares for pods and namespaces. A volume may wait for 32, and each is a stream at the API server.
 */
export class RequestWatches {
  readonly #users = new ObjectUsers();
  readonly #slots: WatchSlots;
  readonly #maxCount: number;
  #held = 0;

  constructor(maxCount: number, observer: LoadObserver) {
    this.#maxCount = maxCount;
    this.#slots = new WatchSlots(this.#users, maxCount, observer);
  }

  /**
   * Holds a place for each, all or none.
   * @returns gives them back.
   * @throws {DriverError} RESOURCE_EXHAUSTED saying whose share is used up.
   */
  hold(requests: readonly WatchedRequest[], owner: CallOwner): () => void {
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

  #ensurePlace(what: string, owner: CallOwner): void {
    this.#slots.ensureShare(what, owner, 1);
    if (this.#users.count >= this.#maxCount) this.#slots.refuseAll(what, owner);
  }
}
