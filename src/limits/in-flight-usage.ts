import type { FlowKey } from './flow-key.js';

/** A call in flight and its cost. */
export interface InFlightEntry {
  readonly owner: FlowKey;
  readonly units: number;
  /** Reports whether the call can be preempted, because it only waits. */
  readonly isPreemptible: () => boolean;
}

interface PodShare<Entry> {
  units: number;
  /** Calls of the pod, the newest last. An array, because a Set retains removed calls (docs/decisions/0033). */
  readonly entries: Entry[];
}

interface NamespaceShare<Entry> {
  units: number;
  readonly pods: Map<string, PodShare<Entry>>;
}

/** Units in flight, by namespace and pod. */
export class InFlightUsage<Entry extends InFlightEntry> {
  readonly #namespaces = new Map<string, NamespaceShare<Entry>>();
  #units = 0;

  get units(): number {
    return this.#units;
  }

  get namespaces(): number {
    return this.#namespaces.size;
  }

  ofNamespace({ namespace }: FlowKey): number {
    return this.#namespaces.get(namespace)?.units ?? 0;
  }

  ofPod({ namespace, podUid }: FlowKey): number {
    return this.#namespaces.get(namespace)?.pods.get(podUid)?.units ?? 0;
  }

  add(entry: Entry): void {
    const { owner, units } = entry;
    const namespace = this.#namespaces.get(owner.namespace) ?? { units: 0, pods: new Map<string, PodShare<Entry>>() };
    const pod = namespace.pods.get(owner.podUid) ?? { units: 0, entries: [] };
    this.#namespaces.set(owner.namespace, namespace);
    namespace.pods.set(owner.podUid, pod);
    pod.entries.push(entry);
    pod.units += units;
    namespace.units += units;
    this.#units += units;
  }

  /** Removes an entry. A preempted call has been removed before it ends. */
  delete(entry: Entry): void {
    const { owner, units } = entry;
    const namespace = this.#namespaces.get(owner.namespace);
    const pod = namespace?.pods.get(owner.podUid);
    const at = pod?.entries.indexOf(entry) ?? -1;
    if (namespace === undefined || pod === undefined || at === -1) return;
    pod.entries.splice(at, 1);
    pod.units -= units;
    namespace.units -= units;
    this.#units -= units;
    if (pod.entries.length === 0) namespace.pods.delete(owner.podUid);
    if (namespace.pods.size === 0) this.#namespaces.delete(owner.namespace);
  }

  /**
   * Returns the call to preempt for a new one that costs `units`. It is the newest waiting call of the pod with the
   * most usage, in the namespace with the most usage. Undefined if no namespace, and then no pod of the owner's
   * namespace, has more usage than the owner would have. So a preempted call that is retried cannot preempt in return.
   */
  findPreemptible(owner: FlowKey, units: number): Entry | undefined {
    const most = Math.max(...Array.from(this.#namespaces.values(), (namespace) => namespace.units));
    const largest = [...this.#namespaces.values()].find((namespace) => namespace.units === most);
    if (largest !== undefined && most > this.ofNamespace(owner) + units) return newestWaiting(largest, 0);
    const own = this.#namespaces.get(owner.namespace);
    return own && newestWaiting(own, this.ofPod(owner) + units);
  }
}

/** Returns the newest waiting call of the largest pod that has more than `moreThan` units. */
function newestWaiting<Entry extends InFlightEntry>(
  { pods }: NamespaceShare<Entry>,
  moreThan: number,
): Entry | undefined {
  const largestFirst = [...pods.values()].sort((a, b) => b.units - a.units);
  for (const { units, entries } of largestFirst) {
    if (units <= moreThan) return undefined;
    const newest = entries.findLast(({ isPreemptible }) => isPreemptible());
    if (newest !== undefined) return newest;
  }
  return undefined;
}
