import { CodedError } from '../errors.js';
import { floorsOf } from './dynamic-share.js';
import { limits } from './defaults.js';
import type { CgroupMemory } from './cgroup-memory.js';

/** Whose a volume is. A driver that has just started knows of the volumes before it only the pod's uid. */
export interface VolumeOwner {
  readonly podUid: string;
  readonly pod?: { readonly namespace: string; readonly name: string };
}

export interface VolumeMemoryOptions {
  /** The memory limits that hold for this process; asked once a second, and before anything is refused. */
  readonly levels: () => readonly CgroupMemory[];
  /** What of the limit is no volume's. */
  readonly reserveBytes: number;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
}

/** Why memory was refused: all of the node's is taken, or all of one pod's or namespace's share. */
export const refusalReasons = ['node', 'namespace', 'pod'] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** What `hold` answers. */
export interface VolumeGrant {
  /** Takes it back: to be called when the volume could not be written. */
  readonly giveBack: () => void;
  /** Whether memory is short, so that the volume is to keep no replaced files. */
  readonly isShort: boolean;
}

/** That a volume can have at a time: the current one, and the one before it. */
const generations = 2;

interface Holding {
  readonly owner: VolumeOwner;
  readonly bytes: number;
}

interface Reading {
  readonly atMs: number;
  readonly levels: readonly CgroupMemory[];
}

const readingMs = 1000;

/**
 * Bounds the memory that the volumes of a node may come to hold, so that the driver's process always has room in its
 * limit: what a volume holds stays charged when the process is killed for it, and would kill the next one too.
 *
 * A volume counts with what it may hold without asking again: its content in two generations, and the kernel's part. Two
 * figures are held under the limit: the sum of the volumes, and what the cgroup says (it knows what this process does not,
 * but a container may not see the pod's). A refresh that does not grow its volume is measured against the second alone:
 * where that is over the limit the volume is to keep one generation, so that each refresh makes room.
 */
export class VolumeMemory {
  readonly #options: VolumeMemoryOptions;
  readonly #holdings = new Map<string, Holding>();
  readonly #refusals: Record<RefusalReason, number> = { node: 0, namespace: 0, pod: 0 };
  #totalBytes = 0;
  #reading: Reading = { atMs: Number.NEGATIVE_INFINITY, levels: [] };
  /** Let since then. */
  #grownBytes = 0;

  constructor(options: VolumeMemoryOptions) {
    this.#options = options;
  }

  /** Counts a volume that was mounted before this process started, whatever it takes. */
  adopt(key: string, owner: VolumeOwner, bytes: number): void {
    this.#set(key, { owner, bytes });
  }

  /**
   * Lets the volume hold `bytes`, for two generations of its files of which one is written now.
   * @throws {CodedError} RESOURCE_EXHAUSTED when it would grow beyond what there is, or what is its owner's.
   */
  hold(key: string, owner: VolumeOwner, bytes: number): VolumeGrant {
    const before = this.#holdings.get(key);
    const growth = bytes - (before?.bytes ?? 0);
    if (growth > 0) this.#ensureRoom(owner, growth, before !== undefined);
    const isShort = before !== undefined && this.#isShort(bytes / generations);
    this.#set(key, { owner, bytes });
    const giveBack = (): void => {
      if (before === undefined) this.release(key);
      else this.#set(key, before);
    };
    return { giveBack, isShort };
  }

  release(key: string): void {
    this.#totalBytes -= this.#holdings.get(key)?.bytes ?? 0;
    this.#holdings.delete(key);
  }

  /** For metrics and messages. `budgetBytes` undefined: there is no limit. */
  summary(): {
    readonly heldBytes: number;
    readonly budgetBytes: number | undefined;
    readonly persistentBytes: number;
    readonly refusals: Readonly<Record<RefusalReason, number>>;
  } {
    return {
      heldBytes: this.#totalBytes,
      budgetBytes: this.#budgetBytes(),
      persistentBytes: Math.max(0, ...this.#levels().map(({ persistentBytes }) => persistentBytes)),
      refusals: { ...this.#refusals },
    };
  }

  #set(key: string, holding: Holding): void {
    const before = this.#holdings.get(key)?.bytes ?? 0;
    this.#totalBytes += holding.bytes - before;
    this.#grownBytes += Math.max(0, holding.bytes - before);
    this.#holdings.set(key, holding);
  }

  #ensureRoom(owner: VolumeOwner, growth: number, isGrowing: boolean): void {
    const { podShare, namespaceShare } = limits.volumeMemory;
    const budget = this.#budgetBytes();
    if (budget === undefined) return;
    const ofPod = this.#heldWhere(({ podUid }) => podUid === owner.podUid);
    const ofNamespace = this.#heldWhere(({ pod }) => pod !== undefined && pod.namespace === owner.pod?.namespace);
    this.#ensureLimit(growth, budget, this.#keptFor(owner, ofNamespace + growth, budget, isGrowing));
    this.#ensureShare('pod', ofPod, growth, budget * podShare, owner);
    this.#ensureShare('namespace', ofNamespace, growth, budget * namespaceShare, owner);
  }

  /** What of the budget is for others than such an owner: for namespaces with little, and for volumes that are there. */
  #keptFor({ pod }: VolumeOwner, bytes: number, budget: number, isGrowing: boolean): number {
    const { floor, reserved } = floorsOf(budget);
    if (pod !== undefined && bytes <= floor) return 0;
    return isGrowing ? reserved * (1 - limits.volumeMemory.growthPart) : reserved;
  }

  #heldWhere(isMeant: (owner: VolumeOwner) => boolean): number {
    let bytes = 0;
    for (const holding of this.#holdings.values()) if (isMeant(holding.owner)) bytes += holding.bytes;
    return bytes;
  }

  /**
   * Whether the kernel's figure leaves no room for another generation of a mounted volume.
   * @throws {CodedError} RESOURCE_EXHAUSTED when it does not even leave room to write one in place of another.
   */
  #isShort(writtenBytes: number): boolean {
    const { reserveBytes } = this.#options;
    const isOver = (reserve: number): boolean => this.#isCharged(writtenBytes, reserve);
    if (isOver(reserveBytes)) {
      // What was unmounted since the last reading is not in it.
      this.#read();
      if (isOver(reserveBytes * limits.volumeMemory.reserveForRefresh)) {
        throw this.#refusal(
          'node',
          `no memory to refresh volumes on this node: what lasts of them takes ${inMiB(this.summary().persistentBytes)} of the ` +
            "driver's memory limit, and this one needs " +
            `${inMiB(writtenBytes)} more; pods that end make room, and the operator can raise the limit in the driver's DaemonSet`,
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

  /** @param kept of the budget, for others. */
  #ensureLimit(growth: number, budget: number, kept: number): void {
    const reserve = this.#options.reserveBytes + kept;
    if (!this.#isFull(growth, reserve)) return;
    // What was unmounted since the last reading is not in it.
    this.#read();
    if (!this.#isFull(growth, reserve)) return;
    const forOthers = kept === 0 ? '' : `, ${inMiB(kept)} of them for namespaces that have little`;
    throw this.#refusal(
      'node',
      `no memory for volumes on this node: its ${this.#holdings.size} volumes may take ${inMiB(this.#totalBytes)} of the ` +
        `${inMiB(budget)} that the driver's memory limit leaves them${forOthers}, and this one needs ${inMiB(growth)} ` +
        "more; pods that end make room, and the operator can raise the limit in the driver's DaemonSet",
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
    throw this.#refusal(
      reason,
      `the volumes of ${whose} on this node may take ${inMiB(bytes)}, and this one needs ${inMiB(growth)} more than the ` +
        `${inMiB(shareBytes)} that are one ${reason}'s share: use fewer or smaller volumes, or spread the pods over nodes`,
    );
  }

  #refusal(reason: RefusalReason, message: string): CodedError {
    this.#refusals[reason] += 1;
    return new CodedError('RESOURCE_EXHAUSTED', message, { cause: new Error(this.#largest()) });
  }

  /** For the log alone: who reads a pod's events need not know its neighbours. */
  #largest(): string {
    const byPod = new Map<string, { readonly name: string; bytes: number }>();
    for (const { owner, bytes } of this.#holdings.values()) {
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
    if (this.#options.now() - this.#reading.atMs >= readingMs) this.#read();
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
