import { Counts } from '../../shared/limits/counts.ts';
import type { FlowKey } from '../../shared/limits/flow-key.ts';

/** How many objects a pod or namespace uses, and how many others use. An object of both counts for both. */
export interface ReferenceUsage {
  readonly own: number;
  readonly ofOthers: number;
}

/** References to objects, per pod and namespace: from published volumes, and from calls that wait for an object. */
export class ObjectReferences {
  readonly #all = new Counts();
  readonly #ofPods = new Map<string, Counts>();
  readonly #ofNamespaces = new Map<string, Counts>();

  isUsed(key: string): boolean {
    return this.#all.of(key) > 0;
  }

  isUsedByPod(key: string, { podUid }: FlowKey): boolean {
    return (this.#ofPods.get(podUid)?.of(key) ?? 0) > 0;
  }

  usageOfPod({ podUid }: FlowKey): ReferenceUsage {
    return this.#usageOf(this.#ofPods.get(podUid));
  }

  usageOfNamespace({ namespace }: FlowKey): ReferenceUsage {
    return this.#usageOf(this.#ofNamespaces.get(namespace));
  }

  #usageOf(counts: Counts | undefined): ReferenceUsage {
    if (counts === undefined) return { own: 0, ofOthers: this.#all.size };
    let shared = 0;
    for (const [key, count] of counts.entries()) if (this.#all.of(key) > count) shared += 1;
    return { own: counts.size, ofOthers: this.#all.size - counts.size + shared };
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
