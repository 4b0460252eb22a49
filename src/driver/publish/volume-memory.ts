import { CodedError } from '../../shared/errors.ts';
import { Counts } from '../../shared/limits/counts.ts';
import { floorsOf } from '../../shared/limits/dynamic-share.ts';
import type { LimitObserver, LimitUsage, RejectionScope } from '../../shared/limits/limit-observer.ts';
import { driverLimits } from '../limits.ts';
import type { AttributeName } from './attribute-table.ts';
import { objectKey } from '../../shared/names.ts';

/**
 * The pod of a volume. After a restart of the driver only the UID is known for volumes mounted before. Until the kubelet
 * calls for them they count for every namespace that has more than its floor.
 */
export interface VolumeOwner {
  readonly podUid: string;
  readonly pod?: { readonly namespace: string; readonly name: string };
  /** Memory of the process for the mounted volume: its last request, and its next one. */
  readonly heapBytes?: number;
}

/** No namespace has this name. */
const unknownNamespace = '';

interface VolumeMemoryOptions {
  /** Memory limit of this process; undefined: none. */
  readonly limitBytes: number | undefined;
  /** Part of the limit that is not for volumes. */
  readonly reserveBytes: number;
  readonly observer: LimitObserver;
}

interface Usage {
  readonly owner: VolumeOwner;
  /** Pages and kernel memory of the tmpfs. */
  readonly bytes: number;
}

/**
 * Accounts for everything that pods make the driver hold: the tmpfs of each volume, its request, and the calls in
 * flight. The sum stays below the memory limit, because the pages of a volume stay charged after an OOM kill, so the next
 * process would be killed too. A pod and a namespace have a share.
 *
 * A volume reserves the most that it can use without another reservation, so a refresh that does not grow its files is
 * never rejected.
 */
export class VolumeMemory {
  /** Infinite without a limit. */
  readonly #budgetBytes: number;
  readonly #observer: LimitObserver;
  readonly #usages = new Map<string, Usage>();
  readonly #ofPods = new Counts();
  readonly #ofNamespaces = new Counts();
  #totalBytes = 0;

  constructor({ limitBytes = Infinity, reserveBytes, observer }: VolumeMemoryOptions) {
    this.#budgetBytes = Math.max(0, limitBytes - reserveBytes);
    this.#observer = observer;
  }

  /** Reserves memory that is in use already, without a check: of an earlier process's volume, or of open files. */
  adopt(key: string, owner: VolumeOwner, bytes: number): void {
    this.#set(key, { owner: { heapBytes: driverLimits.volumeMemory.refreshBytes, ...owner }, bytes });
  }

  /**
   * Reserves `bytes` for the tmpfs of a volume, and its owner's `heapBytes`.
   * @returns restores the previous reservation. Call it if the volume could not be written.
   * @throws {CodedError} RESOURCE_EXHAUSTED if it would exceed the limit, or the share of its pod or namespace.
   */
  acquire(key: string, owner: VolumeOwner, bytes: number): () => void {
    const before = this.#usages.get(key);
    const growth = before === undefined ? bytes + (owner.heapBytes ?? 0) : bytes - before.bytes;
    this.#ensureAvailable(owner, growth, before !== undefined);
    this.#set(key, { owner, bytes });
    return () => {
      if (before === undefined) this.release(key);
      else this.#set(key, before);
    };
  }

  release(key: string): void {
    const usage = this.#usages.get(key);
    if (usage === undefined) return;
    this.#usages.delete(key);
    this.#subtract(usage.owner, bytesOf(usage));
  }

  /** Returns the owner of a reservation. */
  ownerOf(key: string): VolumeOwner {
    return this.#usages.get(key)?.owner ?? { podUid: '' };
  }

  /** Reports whether a volume is mounted. */
  has(key: string): boolean {
    return this.#usages.has(key);
  }

  /**
   * Reserves memory for a call while it is in flight. A mounted volume has reserved it already, unless the call takes
   * more than the last one. The call names the namespace of a volume from before, also if it fails.
   * @returns releases it. Call it once.
   * @throws {CodedError} as `acquire`.
   */
  acquireCall(key: string, owner: VolumeOwner, heapBytes: number): () => void {
    const usage = this.#usages.get(key);
    const mounted = usage?.owner;
    if (usage !== undefined && mounted?.pod === undefined)
      this.#set(key, { ...usage, owner: { ...mounted, ...owner } });
    const reserved =
      mounted === undefined ? 0 : Math.max(driverLimits.volumeMemory.refreshBytes, (mounted.heapBytes ?? 0) / 2);
    const bytes = Math.max(0, heapBytes - reserved);
    this.#ensureAvailable(owner, bytes, mounted !== undefined);
    this.#add(owner, bytes);
    return () => this.#subtract(owner, bytes);
  }

  get use(): LimitUsage {
    return { used: this.#totalBytes, capacity: this.#budgetBytes };
  }

  #set(key: string, usage: Usage): void {
    this.release(key);
    this.#usages.set(key, usage);
    this.#add(usage.owner, bytesOf(usage));
  }

  #add({ podUid, pod }: VolumeOwner, bytes: number): void {
    this.#totalBytes += bytes;
    this.#ofPods.add(podUid, bytes);
    this.#ofNamespaces.add(pod?.namespace ?? unknownNamespace, bytes);
  }

  #subtract({ podUid, pod }: VolumeOwner, bytes: number): void {
    this.#totalBytes -= bytes;
    this.#ofPods.subtract(podUid, bytes);
    this.#ofNamespaces.subtract(pod?.namespace ?? unknownNamespace, bytes);
  }

  #ensureAvailable(owner: VolumeOwner, growth: number, isGrowing: boolean): void {
    const budget = this.#budgetBytes;
    if (budget === Infinity || growth <= 0) return;
    const { podShare, namespaceShare } = driverLimits.volumeMemory;
    const ofNamespace = owner.pod === undefined ? 0 : this.#ofNamespaces.of(owner.pod.namespace);
    this.#ensureLimit(growth, reservedForOthers(owner, ofNamespace + growth, budget, isGrowing), owner);
    this.#ensureShare('pod', this.#ofPods.of(owner.podUid), growth, budget * podShare, owner);
    const isSmall = ofNamespace + growth <= floorsOf(budget).floor;
    const ofUnknown = isSmall || owner.pod === undefined ? 0 : this.#ofNamespaces.of(unknownNamespace);
    this.#ensureShare('namespace', ofNamespace, growth, budget * namespaceShare, owner, ofUnknown);
  }

  /** @param reservedBytes part of the budget for other owners. */
  #ensureLimit(growth: number, reservedBytes: number, owner: VolumeOwner): void {
    const budget = this.#budgetBytes;
    if (this.#totalBytes + growth <= budget - reservedBytes) return;
    const forOthers = reservedBytes === 0 ? '' : `, ${inMiB(reservedBytes)} of them for namespaces that have little`;
    throw this.#rejection(
      'node',
      owner,
      `no memory for volumes on this node: its ${this.#usages.size} volumes can use ${inMiB(this.#totalBytes)} of the ` +
        `${inMiB(budget)} that the driver's memory limit leaves them${forOthers}, and this one needs ${inMiB(growth)} ` +
        "more; pods that end free memory, and the operator can raise the limit in the driver's DaemonSet",
    );
  }

  /** @param ofUnknown bytes of namespaces that are not known yet, which can be the owner's. */
  #ensureShare(
    scope: 'namespace' | 'pod',
    bytes: number,
    growth: number,
    shareBytes: number,
    owner: VolumeOwner,
    ofUnknown = 0,
  ): void {
    if (bytes + ofUnknown + growth <= shareBytes) return;
    const older =
      ofUnknown === 0 ? '' : `, and volumes of an earlier driver ${inMiB(ofUnknown)} until they are refreshed`;
    const whose = scope === 'pod' ? `pod ${nameOf(owner)}` : `namespace ${owner.pod?.namespace}`;
    throw this.#rejection(
      scope,
      owner,
      `the volumes of ${whose} on this node can use ${inMiB(bytes)} of the ${inMiB(shareBytes)} ` +
        `that are one ${scope}'s share${older}, and this one needs ${inMiB(growth)}: use fewer or smaller volumes, or spread the pods over nodes`,
    );
  }

  #rejection(scope: RejectionScope, owner: VolumeOwner, message: string): CodedError {
    this.#observer.rejected('volume_memory_bytes', scope, nameOf(owner));
    return new CodedError('RESOURCE_EXHAUSTED', message);
  }
}

/**
 * Returns the part of the budget that an owner cannot use: for namespaces with little, and for the growth of mounted
 * volumes.
 */
function reservedForOthers({ pod }: VolumeOwner, bytes: number, budget: number, isGrowing: boolean): number {
  const { floor, reserved } = floorsOf(budget);
  if (pod !== undefined && bytes <= floor) return 0;
  return isGrowing ? reserved * (1 - driverLimits.volumeMemory.growthPart) : reserved;
}

function nameOf({ podUid, pod }: VolumeOwner): string {
  return pod === undefined ? `with UID ${podUid}` : objectKey(pod);
}

function bytesOf({ owner, bytes }: Usage): number {
  return bytes + (owner.heapBytes ?? 0);
}

function inMiB(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}

/** The parts of a NodePublishVolume request whose size a pod's author chooses. */
interface RequestTexts {
  readonly volume_context: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Attributes of which a volume keeps parts. */
const kept: readonly AttributeName[] = ['connectors', 'configuration.names', 'configuration.params'];

/**
 * Returns the memory that a request counts for: the most that the message, the parsed request and its parsed params use
 * in the heap, weighted.
 */
export function memoryOfRequest({ volume_context: context, secrets }: RequestTexts): number {
  const { weight, callBytes, entryBytes } = driverLimits.volumeMemory.heap;
  let bytes = callBytes;
  for (const entries of [context, secrets]) {
    for (const [key, value] of Object.entries(entries)) bytes += entryBytes + 2 * (key.length + value.length);
  }
  for (const name of kept) bytes += 2 * (context[name]?.length ?? 0);
  return weight * bytes;
}
