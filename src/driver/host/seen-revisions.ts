import path from 'node:path';
import { dataLink } from './atomic-writer.ts';
import type { FileStatus, Syscalls } from './syscalls.ts';
import type { Target } from './target-path.ts';

interface SeenRevision {
  /** Path through the link that readers resolve. */
  readonly path: string;
  readonly status: FileStatus;
}

/**
 * The last seen revision of each volume, so that the next check takes one system call. A directory with the same
 * device, inode and modification time is unchanged. A later mount there has another device or a later time.
 */
export class SeenRevisions {
  readonly #syscalls: Syscalls;
  readonly #seen = new Map<string, SeenRevision>();

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
  }

  /** Caches the target's present state, which is a complete volume. */
  add({ path: targetPath, parent, name }: Target): void {
    const current = path.join(parent.path, name, dataLink);
    const status = this.#syscalls.stat(current);
    if (typeof status !== 'number') this.#seen.set(targetPath, { path: current, status });
  }

  /** Reports whether the target is as last seen. Symbolic links on the path are harmless, because nothing is opened. */
  isAsSeen(targetPath: string): boolean {
    const seen = this.#seen.get(targetPath);
    if (seen === undefined) return false;
    const { dev, ino, modifiedMs } = seen.status;
    const now = this.#syscalls.stat(seen.path);
    return typeof now !== 'number' && now.ino === ino && now.dev === dev && now.modifiedMs === modifiedMs;
  }

  delete(targetPath: string): void {
    this.#seen.delete(targetPath);
  }
}
