import { CodedError } from '../errors.js';
import type { FlowKey } from '../limits/flow-key.js';
import { dynamicShare } from '../limits/dynamic-share.js';
import { limits } from '../limits/defaults.js';
import type { LimitObserver, RejectionScope } from '../limits/limit-observer.js';
import type { ObjectReferences } from './object-references.js';

/**
 * Says who may have more objects watched. An object counts for every pod and namespace that uses it; anybody's pod may
 * name objects by the hundred, so nobody gets more than a share of what the others leave.
 */
export class WatchQuota {
  readonly #users: ObjectReferences;
  readonly #maxCount: number;
  readonly #observer: LimitObserver;

  constructor(users: ObjectReferences, maxCount: number, observer: LimitObserver) {
    this.#users = users;
    this.#maxCount = maxCount;
    this.#observer = observer;
  }

  /**
   * @param what is to be watched, such as `connector ci/harbor`.
   * @param count of objects, of which that is the first.
   * @throws {CodedError} RESOURCE_EXHAUSTED saying whose share is used up.
   */
  ensureWithinShare(what: string, owner: FlowKey, count: number): void {
    const max = this.#maxCount;
    const ofPod = this.#users.countOfPod(owner);
    const ofNamespace = this.#users.countOfNamespace(owner);
    if (!this.#mayHaveMore(count, ofPod, limits.watches.podShare)) {
      throw this.#refusal(
        what,
        'pod',
        owner,
        `${together(count, `this pod uses ${ofPod} others already`, 'its')} share of the ${max} objects of a kind that the driver watches on this node: mount fewer in one pod`,
      );
    }
    if (!this.#mayHaveMore(count, ofNamespace, limits.watches.namespaceShare)) {
      throw this.#refusal(
        what,
        'namespace',
        owner,
        `${together(count, `the pods of namespace "${owner.namespace}" use ${ofNamespace} others on this node already`, 'their')} share of the ${max} objects of a kind that the driver watches`,
      );
    }
  }

  /** @throws {CodedError} RESOURCE_EXHAUSTED; every object that is watched is in use. */
  rejectAll(what: string, owner: FlowKey): never {
    throw this.#refusal(
      what,
      'node',
      owner,
      `the pods of this node use ${this.#maxCount} others already, as many as the driver watches at once`,
    );
  }

  #mayHaveMore(count: number, held: number, share: number): boolean {
    return held + count <= Math.max(1, dynamicShare(this.#maxCount, this.#users.count - held, share));
  }

  #refusal(what: string, refusal: RejectionScope, { namespace, podUid }: FlowKey, why: string): CodedError {
    this.#observer.refused('watches', refusal, `${namespace}/${podUid}`);
    return new CodedError('RESOURCE_EXHAUSTED', `${what} cannot be read: ${why}`);
  }
}

function together(count: number, use: string, whose: 'its' | 'their'): string {
  if (count === 1) return `${use}, ${whose}`;
  return `it is one of ${count} that are needed at once, and ${use}, which together is more than ${whose}`;
}
