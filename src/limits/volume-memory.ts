import { CodedError } from '../errors.js';
import { floorsOf } from './dynamic-share.js';
import { limits } from './defaults.js';
import type { CgroupMemory } from './cgroup-memory.js';

/** The pod of a volume. After a restart of the driver only the UID is known for volumes mounted before. */
export interface VolumeOwner {
  readonly podUid: string;
  readonly pod?: { readonly namespace: string; readonly name: string };
}

export interface VolumeMemoryOptions {
  /** Memory limits of this process; read once a second, and before a rejection. */
  readonly levels: () => readonly CgroupMemory[];
  /** Part of the limit that is not for volumes. */
  readonly reserveBytes: number;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
}

/** Why memory was rejected: the node has none left, or the share of a pod or namespace is used up. */
export type RejectionReason = 'node' | 'namespace' | 'pod';

/** Result of a reservation. */
export interface VolumeReservation {
  /** Restores the previous reservation. Call it if the volume could not be written. */
  readonly undo: () => void;
  /** Whether memory is short, so that the volume must not keep its previous revision. */
  readonly isMemoryShort: boolean;
}

/** Maximum number of revisions in a volume: the current one, and the one before. */
const maxRevisions = 2;

interface Usage {
  readonly owner: VolumeOwner;
  readonly bytes: number;
}

interface Reading {
  readonly atMs: number;
  readonly levels: readonly CgroupMemory[];
}

const readIntervalMs = 1000;

/**
 * Limits the memory of a node's volumes, so that the driver stays below its own memory limit. Pages of a volume stay
 * charged after an OOM kill, so the next process would be killed too.
 *
 * A volume reserves the most that it can use without another reservation: two revisions of its content, and the
 * kernel's overhead. Two values must stay below the limit: the sum of all reservations, and the usage of the cgroup.
 * The cgroup knows more, but a container may not see that of its pod. A refresh that does not grow its volume is
 * checked only against the cgroup. If memory is short then, the volume keeps one revision, so that each refresh frees
 * memory.
 */
export class VolumeMemory {
  readonly #options: VolumeMemoryOptions;
  readonly #usages = new Map<string, Usage>();
  readonly #rejections: Record<RejectionReason, number> = { node: 0, namespace: 0, pod: 0 };
  #totalBytes = 0;
  #reading: Reading = { atMs: Number.NEGATIVE_INFINITY, levels: [] };
  /** Growth since the last reading. */
  #grownBytes = 0;

  constructor(options: VolumeMemoryOptions) {
    this.#options = options;
  }

  /** Reserves memory for a volume that was mounted before this process started, without a check. */
  adopt(key: string, owner: VolumeOwner, bytes: number): void {
    this.#set(key, { owner, bytes });
  }

  /**
   * Reserves `bytes` for two revisions of the volume's files, of which one is written now.
   * @throws {CodedError} RESOURCE_EXHAUSTED if it would exceed the limit, or the share of its pod or namespace.
   */
  reserve(key: string, owner: VolumeOwner, bytes: number): VolumeReservation {
    const before = this.#usages.get(key);
    const growth = bytes - (before?.bytes ?? 0);
    if (growth > 0) this.#ensureAvailable(owner, growth, before !== undefined);
    const isMemoryShort = before !== undefined && this.#isMemoryShort(bytes / maxRevisions);
    this.#set(key, { owner, bytes });
    const undo = (): void => {
      if (before === undefined) this.release(key);
      else this.#set(key, before);
    };
    return { undo, isMemoryShort };
  }

  release(key: string): void {
    this.#totalBytes -= this.#usages.get(key)?.bytes ?? 0;
    this.#usages.delete(key);
  }

  /** Returns the usage for metrics and messages. `budgetBytes` is undefined without a limit. */
  summary(): {
    readonly heldBytes: number;
    readonly budgetBytes: number | undefined;
    readonly persistentBytes: number;
    readonly rejections: Readonly<Record<RejectionReason, number>>;
  } {
    return {
      heldBytes: this.#totalBytes,
      budgetBytes: this.#budgetBytes(),
      persistentBytes: Math.max(0, ...this.#levels().map(({ persistentBytes }) => persistentBytes)),
      rejections: { ...this.#rejections },
    };
  }

  #set(key: string, usage: Usage): void {
    const before = this.#usages.get(key)?.bytes ?? 0;
    this.#totalBytes += usage.bytes - before;
    this.#grownBytes += Math.max(0, usage.bytes - before);
    this.#usages.set(key, usage);
  }

  #ensureAvailable(owner: VolumeOwner, growth: number, isGrowing: boolean): void {
    const { podShare, namespaceShare } = limits.volumeMemory;
    const budget = this.#budgetBytes();
    if (budget === undefined) return;
    const ofPod = this.#usedWhere(({ podUid }) => podUid === owner.podUid);
    const ofNamespace = this.#usedWhere(({ pod }) => pod !== undefined && pod.namespace === owner.pod?.namespace);
    this.#ensureLimit(growth, budget, this.#reservedForOthers(owner, ofNamespace + growth, budget, isGrowing));
    this.#ensureShare('pod', ofPod, growth, budget * podShare, owner);
    this.#ensureShare('namespace', ofNamespace, growth, budget * namespaceShare, owner);
  }

  /**
   * Returns the part of the budget that this owner cannot use: for namespaces with little, and for the growth of
   * existing volumes.
   */
  #reservedForOthers({ pod }: VolumeOwner, bytes: number, budget: number, isGrowing: boolean): number {
    const { floor, reserved } = floorsOf(budget);
    if (pod !== undefined && bytes <= floor) return 0;
    return isGrowing ? reserved * (1 - limits.volumeMemory.growthPart) : reserved;
  }

  #usedWhere(matches: (owner: VolumeOwner) => boolean): number {
    let bytes = 0;
    for (const usage of this.#usages.values()) if (matches(usage.owner)) bytes += usage.bytes;
    return bytes;
  }

  /**
   * Reports whether the cgroup has too little memory for another revision of a mounted volume.
   * @throws {CodedError} RESOURCE_EXHAUSTED if it has too little to replace one revision by another.
   */
  #isMemoryShort(writtenBytes: number): boolean {
    const { reserveBytes } = this.#options;
    const isOver = (reserve: number): boolean => this.#isCharged(writtenBytes, reserve);
    if (isOver(reserveBytes)) {
      // The last reading does not include volumes that were unmounted since.
      this.#read();
      if (isOver(reserveBytes * limits.volumeMemory.reserveForRefresh)) {
        throw this.#rejection(
          'node',
          `no memory to refresh volumes on this node: what lasts of them takes ${inMiB(this.summary().persistentBytes)} of the ` +
            "driver's memory limit, and this one needs " +
            `${inMiB(writtenBytes)} more; pods that end free memory, and the operator can raise the limit in the driver's DaemonSet`,
        );
      }
    }
    const isShort = isOver(reserveBytes);
    this.#grownBytes += writtenBytes;
    return isShort;
  }

  #isCharged(moreBytes: number, reserve: number): boolean {
    return this.#levels().some(
      ({ limitBytes, persistentBytes }) => persistentBytes + this.#grownBytes + moreBytes > limitBytes - reserve,
    );
  }

  /** @param reservedBytes part of the budget for other owners. */
  #ensureLimit(growth: number, budget: number, reservedBytes: number): void {
    const reserve = this.#options.reserveBytes + reservedBytes;
    if (!this.#isFull(growth, reserve)) return;
    // The last reading does not include volumes that were unmounted since.
    this.#read();
    if (!this.#isFull(growth, reserve)) return;
    const forOthers = reservedBytes === 0 ? '' : `, ${inMiB(reservedBytes)} of them for namespaces that have little`;
    throw this.#rejection(
      'node',
      `no memory for volumes on this node: its ${this.#usages.size} volumes can use ${inMiB(this.#totalBytes)} of the ` +
        `${inMiB(budget)} that the driver's memory limit leaves them${forOthers}, and this one needs ${inMiB(growth)} ` +
        "more; pods that end free memory, and the operator can raise the limit in the driver's DaemonSet",
    );
  }

  #isFull(growth: number, reserve: number): boolean {
    const isSumOver = this.#levels().some(({ limitBytes }) => this.#totalBytes + growth > limitBytes - reserve);
    return isSumOver || this.#isCharged(growth, reserve);
  }

  #ensureShare(
    reason: 'namespace' | 'pod',
    bytes: number,
    growth: number,
    shareBytes: number,
    { pod }: VolumeOwner,
  ): void {
    if (bytes + growth <= shareBytes) return;
    const whose = reason === 'pod' ? `pod ${pod?.namespace}/${pod?.name}` : `namespace ${pod?.namespace}`;
    throw this.#rejection(
      reason,
      `the volumes of ${whose} on this node can use ${inMiB(bytes)}, and this one needs ${inMiB(growth)} more than the ` +
        `${inMiB(shareBytes)} that are one ${reason}'s share: use fewer or smaller volumes, or spread the pods over nodes`,
    );
  }

  #rejection(reason: RejectionReason, message: string): CodedError {
    this.#rejections[reason] += 1;
    return new CodedError('RESOURCE_EXHAUSTED', message, { cause: new Error(this.#largest()) });
  }

  /** Names the largest users. Only for the log: a pod's events must not name other pods. */
  #largest(): string {
    const byPod = new Map<string, { readonly name: string; bytes: number }>();
    for (const { owner, bytes } of this.#usages.values()) {
      const name = owner.pod === undefined ? `uid ${owner.podUid}` : `${owner.pod.namespace}/${owner.pod.name}`;
      const sum = byPod.get(owner.podUid) ?? { name, bytes: 0 };
      sum.bytes += bytes;
      byPod.set(owner.podUid, sum);
    }
    const largest = [...byPod.values()].sort((a, b) => b.bytes - a.bytes).slice(0, 3);
    return `most is held by the pods ${largest.map(({ name, bytes }) => `${name} (${inMiB(bytes)})`).join(', ')}`;
  }

  #budgetBytes(): number | undefined {
    const limits = this.#levels().map(({ limitBytes }) => limitBytes);
    return limits.length === 0 ? undefined : Math.max(0, Math.min(...limits) - this.#options.reserveBytes);
  }

  #levels(): readonly CgroupMemory[] {
    if (this.#options.now() - this.#reading.atMs >= readIntervalMs) this.#read();
    return this.#reading.levels;
  }

  #read(): void {
    this.#reading = { atMs: this.#options.now(), levels: this.#options.levels() };
    this.#grownBytes = 0;
  }
}

function inMiB(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MiB`;
}
