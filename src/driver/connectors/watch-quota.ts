import { CodedError } from '../../shared/errors.ts';
import type { FlowKey } from '../../shared/limits/flow-key.ts';
import { dynamicShare } from '../../shared/limits/dynamic-share.ts';
import { limits } from '../../shared/limits/defaults.ts';
import type { LimitObserver, RejectionScope } from '../../shared/limits/limit-observer.ts';
import type { ObjectReferences, ReferenceUsage } from './object-references.ts';

/**
 * Limits the watched objects of each pod and namespace. An object counts for every pod and namespace that uses it, also
 * if it is watched already: a pod must not learn from a rejection what others use. A dynamic share prevents a pod that
 * names hundreds of objects from using up the limit for other pods.
 */
export class WatchQuota {
  readonly #references: ObjectReferences;
  readonly #maxCount: number;
  readonly #observer: LimitObserver;

  constructor(references: ObjectReferences, maxCount: number, observer: LimitObserver) {
    this.#references = references;
    this.#maxCount = maxCount;
    this.#observer = observer;
  }

  /**
   * @param what first object, such as `connector ci/harbor`.
   * @param count number of objects that the pod does not use yet.
   * @throws {CodedError} RESOURCE_EXHAUSTED naming the share that is used up.
   */
  ensureWithinShare(what: string, owner: FlowKey, count: number): void {
    const max = this.#maxCount;
    const ofPod = this.#references.usageOfPod(owner);
    const ofNamespace = this.#references.usageOfNamespace(owner);
    if (!this.#isWithinShare(count, ofPod, limits.watches.podShare)) {
      throw this.#rejection(
        what,
        'pod',
        owner,
        `${together(count, `this pod uses ${ofPod.own} others already`, 'its')} share of the ${max} objects of a kind that the driver watches on this node: mount fewer in one pod`,
      );
    }
    if (!this.#isWithinShare(count, ofNamespace, limits.watches.namespaceShare)) {
      throw this.#rejection(
        what,
        'namespace',
        owner,
        `${together(count, `the pods of namespace "${owner.namespace}" use ${ofNamespace.own} others on this node already`, 'their')} share of the ${max} objects of a kind that the driver watches`,
      );
    }
  }

  /** Rejects an object because every watched object is in use. @throws {CodedError} RESOURCE_EXHAUSTED. */
  rejectAll(what: string, owner: FlowKey): never {
    throw this.#rejection(
      what,
      'node',
      owner,
      `the pods of this node use ${this.#maxCount} others already, as many as the driver watches at once`,
    );
  }

  #isWithinShare(count: number, { own, ofOthers }: ReferenceUsage, share: number): boolean {
    return own + count <= Math.max(1, dynamicShare(this.#maxCount, ofOthers, share));
  }

  #rejection(what: string, scope: RejectionScope, { namespace, podUid }: FlowKey, why: string): CodedError {
    this.#observer.rejected('watches', scope, `${namespace}/${podUid}`);
    return new CodedError('RESOURCE_EXHAUSTED', `${what} cannot be read: ${why}`);
  }
}

function together(count: number, use: string, whose: 'its' | 'their'): string {
  if (count === 1) return `${use}, ${whose}`;
  return `it is one of ${count} that are needed at once, and ${use}, which together is more than ${whose}`;
}
