import { BoundedMap } from '../../limits/bounded-map.js';
import type { CodedError } from '../../errors.js';

/** Several times the volumes of a full node; for some of them the kubelet never calls again. */
const maxVolumes = 1024;

/** Longer than any path of a kubelet. */
const maxPathLength = 4096;

/** A volume that is not mounted because its publish failed. */
export interface FailedPublish {
  readonly volumeId: string;
  readonly error: CodedError;
}

/** The last failure of each volume whose publish was attempted and has not succeeded yet. Memory only. */
export class FailedPublishes {
  readonly #byPath = new BoundedMap<string, FailedPublish>(maxVolumes);

  /** Records a failure. A cancelled call, or one that overlapped another, reveals nothing about the volume. */
  record(targetPath: string, failed: FailedPublish): void {
    if (failed.error.code === 'ABORTED' || failed.error.code === 'CANCELLED') return;
    if (targetPath.length > maxPathLength) return;
    this.#byPath.set(targetPath, failed);
  }

  forget(targetPath: string): void {
    this.#byPath.delete(targetPath);
  }

  /** Finds the failure of a volume. @param targetPath empty: any. */
  find(volumeId: string, targetPath: string): FailedPublish | undefined {
    if (targetPath !== '') {
      const failed = this.#byPath.get(targetPath);
      return failed?.volumeId === volumeId ? failed : undefined;
    }
    return [...this.#byPath.values()].find((failed) => failed.volumeId === volumeId);
  }
}
