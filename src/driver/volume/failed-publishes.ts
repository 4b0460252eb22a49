import { BoundedMap } from '../../limits/bounded-map.js';
import type { CodedError } from '../../errors.js';

/** Several times the volumes of a full node; of some the kubelet never speaks again. */
const maxVolumes = 1024;

/** No path of a kubelet's is as long. */
const maxPathLength = 4096;

/** A volume that is not mounted because its publish failed. */
export interface FailedPublish {
  readonly volumeId: string;
  readonly error: CodedError;
}

/** The last failure of each volume whose publish was attempted and has not succeeded yet. Memory only. */
export class FailedPublishes {
  readonly #byPath = new BoundedMap<string, FailedPublish>(maxVolumes);

  /** A call that was given up, or came beside another one, says nothing of the volume. */
  record(targetPath: string, failed: FailedPublish): void {
    if (failed.error.code === 'ABORTED' || failed.error.code === 'CANCELLED') return;
    if (targetPath.length > maxPathLength) return;
    this.#byPath.set(targetPath, failed);
  }

  forget(targetPath: string): void {
    this.#byPath.delete(targetPath);
  }

  /** @param targetPath empty: any. */
  find(volumeId: string, targetPath: string): FailedPublish | undefined {
    if (targetPath !== '') {
      const failed = this.#byPath.get(targetPath);
      return failed?.volumeId === volumeId ? failed : undefined;
    }
    return [...this.#byPath.values()].find((failed) => failed.volumeId === volumeId);
  }
}
