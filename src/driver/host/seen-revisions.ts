import path from 'node:path';
import { dataLink } from './atomic-writer.js';
import type { FileStatus, Syscalls } from './syscalls.js';
import type { Target } from './target-path.js';

interface Seen {
  /** Through the link that readers go through. */
  readonly path: string;
  readonly status: FileStatus;
}

/**
 * The revisions that volumes were last seen to have, so that the next look takes one system call. A directory with the
 * same number on the same device, in which nothing was added or taken away since, is the same: a later mount there has
 * another device, or is younger.
 */
export class SeenRevisions {
  readonly #syscalls: Syscalls;
  readonly #seen = new Map<string, Seen>();

  constructor(syscalls: Syscalls) {
    this.#syscalls = syscalls;
  }

  /** Remembers what the target has now, which is a complete volume. */
  add({ path: targetPath, parent, name }: Target): void {
    const current = path.join(parent.path, name, dataLink);
    const status = this.#syscalls.stat(current);
    if (typeof status !== 'number') this.#seen.set(targetPath, { path: current, status });
  }

  /** Whether the target has what it had. Changes nothing and tells nothing else, so that links on the way do no harm. */
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
