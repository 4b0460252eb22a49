import { CodedError } from '../../shared/errors.ts';
import type { Owner } from '../../shared/limits/owner.ts';
import { dynamicShare } from '../../shared/limits/dynamic-share.ts';
import { limits } from '../../shared/limits/defaults.ts';
import type { LimitObserver, RejectionScope } from '../../shared/limits/limit-observer.ts';
import { Counts } from '../../shared/limits/counts.ts';

/** How many objects a pod or namespace uses, and how many others use. An object of both counts for both. */
interface Usage {
  readonly own: number;
  readonly ofOthers: number;
}

/**
 * Limits the watched objects of each pod and namespace, by the references of published volumes, and of calls that wait for
 * an object or an approval. An object counts for every pod and namespace that uses it, also if it is watched already: a
 * pod must not learn from a rejection what others use. A dynamic share prevents a pod that names hundreds of objects from
 * using up the limit for other pods.
 */
export class WatchQuota {
  readonly #maxCount: number;
  readonly #observer: LimitObserver;
  readonly #all = new Counts();
  readonly #ofPods = new Map<string, Counts>();
  readonly #ofNamespaces = new Map<string, Counts>();

  constructor(maxCount: number, observer: LimitObserver) {
    this.#maxCount = maxCount;
    this.#observer = observer;
  }

  isUsed(key: string): boolean {
    return this.#all.of(key) > 0;
  }

  isUsedByPod(key: string, { podUid }: Owner): boolean {
    return (this.#ofPods.get(podUid)?.of(key) ?? 0) > 0;
  }

  /** Adds a reference to the object. */
  add(key: string, { namespace, podUid }: Owner): void {
    this.#all.add(key);
    addTo(this.#ofPods, podUid, key);
    addTo(this.#ofNamespaces, namespace, key);
  }

  remove(key: string, { namespace, podUid }: Owner): void {
    this.#all.subtract(key);
    removeFrom(this.#ofPods, podUid, key);
    removeFrom(this.#ofNamespaces, namespace, key);
  }

  /**
   * @param what first object, such as `connector ci/harbor`.
   * @param count number of objects that the pod does not use yet.
   * @throws {CodedError} RESOURCE_EXHAUSTED naming the share that is used up.
   */
  ensureWithinShare(what: string, owner: Owner, count: number): void {
    const { podShare, namespaceShare } = limits.watches;
    const shareOfAll = `share of the ${this.#maxCount} objects of a kind that the driver watches`;
    const ofPod = this.#usageOf(this.#ofPods.get(owner.podUid));
    if (!this.#isWithinShare(count, ofPod, podShare)) {
      const why = together(count, `this pod uses ${ofPod.own} others already`, 'its');
      throw this.#rejection(what, 'pod', owner, `${why} ${shareOfAll} on this node: mount fewer in one pod`);
    }
    const ofNamespace = this.#usageOf(this.#ofNamespaces.get(owner.namespace));
    if (!this.#isWithinShare(count, ofNamespace, namespaceShare)) {
      const use = `the pods of namespace "${owner.namespace}" use ${ofNamespace.own} others on this node already`;
      throw this.#rejection(what, 'namespace', owner, `${together(count, use, 'their')} ${shareOfAll}`);
    }
  }

  /** Rejects an object because every watched object is in use. @throws {CodedError} RESOURCE_EXHAUSTED. */
  rejectAll(what: string, owner: Owner): never {
    const why = `the pods of this node use ${this.#maxCount} others already, as many as the driver watches at once`;
    throw this.#rejection(what, 'node', owner, why);
  }

  #usageOf(counts: Counts | undefined): Usage {
    if (counts === undefined) return { own: 0, ofOthers: this.#all.size };
    let shared = 0;
    for (const [key, count] of counts.entries()) if (this.#all.of(key) > count) shared += 1;
    return { own: counts.size, ofOthers: this.#all.size - counts.size + shared };
  }

  #isWithinShare(count: number, { own, ofOthers }: Usage, share: number): boolean {
    return own + count <= Math.max(1, dynamicShare(this.#maxCount, ofOthers, share));
  }

  #rejection(what: string, scope: RejectionScope, { namespace, podUid }: Owner, why: string): CodedError {
    this.#observer.rejected('watches', scope, `${namespace}/${podUid}`);
    return new CodedError('RESOURCE_EXHAUSTED', `${what} cannot be read: ${why}`);
  }
}

function addTo(holders: Map<string, Counts>, holder: string, key: string): void {
  const counts = holders.get(holder) ?? new Counts();
  holders.set(holder, counts);
  counts.add(key);
}

function removeFrom(holders: Map<string, Counts>, holder: string, key: string): void {
  const counts = holders.get(holder);
  counts?.subtract(key);
  if (counts?.size === 0) holders.delete(holder);
}

function together(count: number, use: string, whose: 'its' | 'their'): string {
  if (count === 1) return `${use}, ${whose}`;
  return `it is one of ${count} that are needed at once, and ${use}, which together is more than ${whose}`;
}
