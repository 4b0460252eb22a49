import type { FlowKey } from './flow-key.js';

/** What a call in flight counts for. */
export interface InFlightEntry {
  readonly owner: FlowKey;
  readonly units: number;
  /** Whether it may be ended to make room: it only waits. */
  readonly isDisplaceable: boolean;
}

interface PodShare<Entry> {
  units: number;
  /** The newest last. */
  readonly entries: Set<Entry>;
}

interface NamespaceShare<Entry> {
  units: number;
  readonly pods: Map<string, PodShare<Entry>>;
}

/** Units in use, by namespace and pod. */
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
    const pod = namespace.pods.get(owner.podUid) ?? { units: 0, entries: new Set<Entry>() };
    this.#namespaces.set(owner.namespace, namespace);
    namespace.pods.set(owner.podUid, pod);
    pod.entries.add(entry);
    pod.units += units;
    namespace.units += units;
    this.#units += units;
  }

  /** @returns whether it was there. */
  delete(entry: Entry): boolean {
    const { owner, units } = entry;
    const namespace = this.#namespaces.get(owner.namespace);
    const pod = namespace?.pods.get(owner.podUid);
    if (namespace === undefined || pod?.entries.delete(entry) !== true) return false;
    pod.units -= units;
    namespace.units -= units;
    this.#units -= units;
    if (pod.entries.size === 0) namespace.pods.delete(owner.podUid);
    if (namespace.pods.size === 0) this.#namespaces.delete(owner.namespace);
    return true;
  }

  /**
   * Whose call is to end so that one of so many units gets in: the newest that waits, of the pod that has most, in the
   * namespace that has most. Undefined where nobody has more than the newcomer would have, namespaces compared first: so
   * what was ended for others cannot end theirs when it comes back.
   */
  displaceableFor(owner: FlowKey, units: number): Entry | undefined {
    const most = Math.max(...Array.from(this.#namespaces.values(), (namespace) => namespace.units));
    const largest = [...this.#namespaces.values()].find((namespace) => namespace.units === most);
    if (largest !== undefined && most > this.ofNamespace(owner) + units) return newestWaiting(largest, 0);
    const own = this.#namespaces.get(owner.namespace);
    return own && newestWaiting(own, this.ofPod(owner) + units);
  }
}

/** Of the pod that has most, and more than so many units. */
function newestWaiting<Entry extends InFlightEntry>(
  { pods }: NamespaceShare<Entry>,
  moreThan: number,
): Entry | undefined {
  const largestFirst = [...pods.values()].sort((a, b) => b.units - a.units);
  for (const { units, entries } of largestFirst) {
    if (units <= moreThan) return undefined;
    const newest = [...entries].reverse().find(({ isDisplaceable }) => isDisplaceable);
    if (newest !== undefined) return newest;
  }
  return undefined;
}
