import type { Random } from '../random.js';
import type { PodVolume } from '../kubelet/pod-volume.js';
import type { KubeletNode } from '../kubelet/kubelet-node.js';
import type { MixWatch } from '../model/mix-watch.js';
import { readRevision } from '../model/revision-reader.js';
import { connectorNames, sourceNames } from '../model/sources.js';
import type { VersionedSources } from '../model/versioned-sources.js';
import { attributesOf, shownBy, volumeKinds } from '../model/volume-kinds.js';

export interface LoadCounts {
  podsStarted: number;
  podsEnded: number;
  edits: number;
  deletions: number;
}

/** What people do to a node while it is in use: pods come and go, what their volumes are made from changes. */
export class NodeLoad {
  readonly counts: LoadCounts = { podsStarted: 0, podsEnded: 0, edits: 0, deletions: 0 };
  readonly #node: KubeletNode;
  readonly #sources: VersionedSources;
  readonly #mixWatch: MixWatch;
  readonly #random: Random;
  readonly #kindOf = new Map<PodVolume, number>();
  readonly #ending = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #failure: Error | undefined;

  constructor(node: KubeletNode, sources: VersionedSources, mixWatch: MixWatch, random: Random) {
    this.#node = node;
    this.#sources = sources;
    this.#mixWatch = mixWatch;
    this.#random = random;
  }

  /** @param stepMs between two things that happen. */
  start(stepMs: number): void {
    this.#timer = setInterval(() => this.#step(), stepMs);
  }

  /** Everything exists afterwards, and every pod that was to end has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#sources.restore();
    await Promise.all(this.#ending);
    if (this.#failure !== undefined) throw this.#failure;
  }

  startPod(): void {
    const { kubelet, sandbox } = this.#node;
    const kind = this.#random.int(0, volumeKinds.length);
    const pod = kubelet.run(sandbox.unpreparedVolume(), attributesOf(volumeKinds[kind]!));
    this.#kindOf.set(pod, kind);
    this.#mixWatch.read(pod.volume.target, kind);
    this.counts.podsStarted += 1;
  }

  endPod(): void {
    const pods = [...this.#node.kubelet.pods];
    if (pods.length === 0) return;
    const pod = this.#random.pick(pods);
    this.counts.podsEnded += 1;
    const ending = this.#node.kubelet
      .end(pod)
      .catch((error: unknown) => void (this.#failure ??= error instanceof Error ? error : new Error(String(error))));
    this.#ending.add(ending);
    void ending.finally(() => {
      this.#ending.delete(ending);
      this.#kindOf.delete(pod);
    });
  }

  /** Why a pod's volume is not what it should be by now; undefined when it is. */
  problemOf(pod: PodVolume): string | undefined {
    const files = readRevision(pod.volume.target);
    if (files === undefined) return 'not mounted';
    const shown = shownBy(volumeKinds[this.#kindOf.get(pod) ?? 0]!, files);
    if (shown.token !== pod.volume.token) return 'an earlier token';
    const now = this.#sources.versions;
    const old = Object.entries(shown.versions).find(([name, version]) => version !== now[name as keyof typeof now]);
    return old && `${old[0]} ${old[1]}`;
  }

  #step(): void {
    const roll = this.#random.next();
    if (roll < 0.15) this.endPod();
    else if (roll < 0.3) this.startPod();
    else if (roll < 0.85) this.#change();
    else if (roll < 0.9) this.#node.kubelet.eventForAll();
    else if (roll < 0.95) this.#sources.allowSeveral(!this.#sources.allowsSeveral);
  }

  #change(): void {
    if (this.#random.chance(0.15)) {
      this.#sources.delete(this.#random.pick(connectorNames));
      this.counts.deletions += 1;
      return;
    }
    this.#sources.edit(this.#random.pick(sourceNames));
    this.counts.edits += 1;
  }
}
