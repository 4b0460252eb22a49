import { Counts } from '../limits/counts.js';
import type { FlowKey } from '../limits/flow-key.js';

/** References to objects, per pod and namespace: from published volumes, and from calls that wait for an object. */
export class ObjectReferences {
  readonly #all = new Counts();
  readonly #ofPods = new Map<string, Counts>();
  readonly #ofNamespaces = new Map<string, Counts>();

  /** Number of objects in use. */
  get count(): number {
    return this.#all.size;
  }

  isUsed(key: string): boolean {
    return this.#all.of(key) > 0;
  }

  /** Returns how many objects the pods of the namespace use. */
  countOfNamespace({ namespace }: FlowKey): number {
    return this.#ofNamespaces.get(namespace)?.size ?? 0;
  }

  countOfPod({ podUid }: FlowKey): number {
    return this.#ofPods.get(podUid)?.size ?? 0;
  }

  add(key: string, { namespace, podUid }: FlowKey): void {
    this.#all.add(key);
    addTo(this.#ofPods, podUid, key);
    addTo(this.#ofNamespaces, namespace, key);
  }

  remove(key: string, { namespace, podUid }: FlowKey): void {
    this.#all.subtract(key);
    removeFrom(this.#ofPods, podUid, key);
    removeFrom(this.#ofNamespaces, namespace, key);
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
