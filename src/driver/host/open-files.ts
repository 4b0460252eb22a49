import type { VolumeMemory } from '../publish/volume-memory.ts';
import { dataLink } from './atomic-writer.ts';
import { checkValue, openDirectory } from './directory.ts';
import type { Directory } from './directory.ts';
import { SyscallError } from './errno.ts';
import { memoryOf } from './footprint.ts';
import { descriptorPath } from './linux-syscalls.ts';
import { removeEntry } from './revision.ts';
import { inotify, open } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

/** Interval of the checks in milliseconds. */
const checkMs = 5000;
/** Size of an inotify event in 32-bit words: watch, mask, cookie, length of a name. A watched directory has no name. */
const eventWords = 4;

/**
 * Unmounted volumes of which processes still have files open, such as replaced ones that a pod has passed to another. Their
 * memory counts for the pod's namespace until it is free.
 *
 * The kernel keeps a volume with all its files until the last one is closed, and then ends the inotify watch of its
 * directory. Pods can use up the watches of a node. Without one the driver removes the files itself, and keeps a
 * descriptor with which it sees how much of the volume is still in use.
 */
export class OpenFiles {
  readonly #syscalls: Syscalls;
  readonly #memory: VolumeMemory;
  /**
   * Closed by the first check without watches, because all processes of a user share a small number of instances. The
   * kernel takes 8 ms for that, in which the event loop waits, so an unpublish leaves it open for the next one.
   */
  #inotifyFd = -1;
  readonly #events = new Int32Array(64 * eventWords);
  /** Watches of volumes that the kernel keeps. */
  readonly #watches = new Set<number>();
  /** Volumes without a watch. */
  readonly #volumes = new Set<Directory>();
  #timer: NodeJS.Timeout | undefined;

  constructor(syscalls: Syscalls, memory: VolumeMemory) {
    this.#syscalls = syscalls;
    this.#memory = memory;
  }

  /**
   * Watches a volume that is about to be unmounted.
   * @returns counts what is still in use. Call it after the unmount.
   */
  unmounting(targetPath: string, root: Directory): () => void {
    const { bytes } = this.#usageOf(root);
    const watch = this.#watch(root);
    if (watch < 0) {
      this.#removeFiles(targetPath, root);
      return () => undefined;
    }
    return () => {
      this.#readEvents();
      if (this.#watches.has(watch)) this.#count(keyOfWatch(watch), targetPath, bytes);
    };
  }

  #watch(root: Directory): number {
    if (this.#inotifyFd < 0) this.#inotifyFd = this.#syscalls.inotifyInit();
    this.#timer ??= setInterval(() => this.#check(), checkMs).unref();
    const watch = this.#syscalls.inotifyAddWatch(this.#inotifyFd, descriptorPath(root.fd), inotify.DELETE_SELF);
    if (watch >= 0) this.#watches.add(watch);
    return watch;
  }

  #count(key: string, targetPath: string, bytes: number): void {
    this.#memory.adopt(key, { ...this.#memory.ownerOf(targetPath), heapBytes: 0 }, bytes);
  }

  #readEvents(): void {
    const events = this.#events;
    let length;
    do {
      length = this.#syscalls.read(this.#inotifyFd, new Uint8Array(events.buffer)) / events.BYTES_PER_ELEMENT;
      for (let at = 0; at < length; at += eventWords) {
        const watch = events[at] ?? -1;
        if (((events[at + 1] ?? 0) & inotify.IGNORED) === 0) continue;
        this.#watches.delete(watch);
        this.#memory.release(keyOfWatch(watch));
      }
    } while (length === events.length);
  }

  #check(): void {
    if (this.#inotifyFd >= 0) this.#readEvents();
    for (const root of this.#volumes) {
      const { bytes, isEmpty } = this.#usageOf(root);
      if (!isEmpty) {
        this.#memory.adopt(keyOf(root), this.#memory.ownerOf(keyOf(root)), bytes);
        continue;
      }
      this.#memory.release(keyOf(root));
      this.#volumes.delete(root);
      this.#syscalls.close(root.fd);
    }
    if (this.#watches.size === 0 && this.#inotifyFd >= 0) {
      this.#syscalls.close(this.#inotifyFd);
      this.#inotifyFd = -1;
    }
    if (this.#watches.size > 0 || this.#volumes.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Removes all files. The link to the current revision goes first, so that a volume without its files is never taken for
   * a published one. A failure leaves the rest without an error, because it must not prevent the unmount.
   */
  #removeFiles(targetPath: string, volume: Directory): void {
    try {
      removeEntry(this.#syscalls, volume, dataLink);
      for (const entry of checkValue(this.#syscalls.list(volume.fd), 'getdents', volume))
        removeEntry(this.#syscalls, volume, entry);
      const { bytes, isEmpty } = this.#usageOf(volume);
      if (isEmpty) return;
      const root = openDirectory(this.#syscalls, volume, '.', open.pathOnly);
      this.#volumes.add(root);
      this.#count(keyOf(root), targetPath, bytes);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
    }
  }

  /** Returns the memory of a volume, which is empty if its directory is the only inode. */
  #usageOf(root: Directory): { readonly bytes: number; readonly isEmpty: boolean } {
    const status = this.#syscalls.fstatfs(root.fd);
    if (typeof status === 'number') return { bytes: 0, isEmpty: true };
    const inodes = status.inodes - status.inodesFree;
    const sizeBytes = (status.blocks - status.blocksFree) * status.blockSize;
    return { bytes: memoryOf({ sizeBytes, inodes }), isEmpty: inodes <= 1 };
  }
}

function keyOf({ path, fd }: Directory): string {
  return `${path} ${fd}`;
}

function keyOfWatch(watch: number): string {
  return `watch ${watch}`;
}
