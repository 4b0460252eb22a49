import type { VolumeMemory } from '../publish/volume-memory.ts';
import { dataLink } from './atomic-writer.ts';
import type { Directory } from './directory.ts';
import { SyscallError } from './errno.ts';
import { memoryOf } from './footprint.ts';
import { removeEntry } from './revision.ts';
import type { Syscalls } from './syscalls.ts';

/** Interval of the checks in milliseconds. */
const checkMs = 5000;

/**
 * Unmounted volumes of which processes still have files open, such as replaced ones that a pod has passed to another. The
 * memory of these files counts for the pod's namespace until they are closed. A descriptor keeps each volume visible.
 */
export class OpenFiles {
  readonly #syscalls: Syscalls;
  readonly #memory: VolumeMemory;
  readonly #volumes = new Set<Directory>();
  #timer: NodeJS.Timeout | undefined;

  constructor(syscalls: Syscalls, memory: VolumeMemory) {
    this.#syscalls = syscalls;
    this.#memory = memory;
  }

  /**
   * Removes all files of a volume that is about to be unmounted, and takes over its descriptor. The link to the current
   * revision goes first, so that a volume without its files is never taken for a published one. A failure leaves the rest
   * without an error, because it must not prevent the unmount.
   */
  removeFiles(targetPath: string, root: Directory): void {
    if (!this.#removeAll(root) || this.#bytesOf(root) === 0) {
      this.#syscalls.close(root.fd);
      return;
    }
    this.#memory.adopt(keyOf(root), { ...this.#memory.ownerOf(targetPath), heapBytes: 0 }, this.#bytesOf(root));
    this.#volumes.add(root);
    this.#timer ??= setInterval(() => this.#check(), checkMs).unref();
  }

  #check(): void {
    for (const root of this.#volumes) {
      const bytes = this.#bytesOf(root);
      if (bytes > 0) {
        this.#memory.adopt(keyOf(root), this.#memory.ownerOf(keyOf(root)), bytes);
        continue;
      }
      this.#memory.release(keyOf(root));
      this.#volumes.delete(root);
      this.#syscalls.close(root.fd);
    }
    if (this.#volumes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #removeAll(root: Directory): boolean {
    try {
      removeEntry(this.#syscalls, root, dataLink);
      const entries = this.#syscalls.list(root.fd);
      if (typeof entries === 'number') return false;
      for (const entry of entries) removeEntry(this.#syscalls, root, entry);
      return true;
    } catch (error) {
      if (error instanceof SyscallError) return false;
      throw error;
    }
  }

  /** Returns the memory of an empty volume: 0 if its directory is the only inode in use. */
  #bytesOf(root: Directory): number {
    const status = this.#syscalls.fstatfs(root.fd);
    if (typeof status === 'number') return 0;
    const inodes = status.inodes - status.inodesFree;
    const sizeBytes = (status.blocks - status.blocksFree) * status.blockSize;
    return inodes <= 1 ? 0 : memoryOf({ sizeBytes, inodes });
  }
}

function keyOf({ path, fd }: Directory): string {
  return `${path} ${fd}`;
}
