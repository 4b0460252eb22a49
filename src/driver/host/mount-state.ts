import { CodedError } from '../../shared/errors.ts';
import { shownPath } from '../../shared/message-text.ts';
import type { TargetState } from '../publish/ports.ts';
import { openCurrentRevision } from './atomic-writer.ts';
import { check, checkValue, closing } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno } from './errno.ts';
import type { TmpfsLimits } from './footprint.ts';
import { open, TMPFS_MAGIC } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';
import type { Target } from './target-path.ts';

/** The mount at an existing target. */
type Occupant = { readonly kind: 'nothing' | 'foreign' } | { readonly kind: 'tmpfs'; readonly limits: TmpfsLimits };

/**
 * Opens a target by its path only (`O_PATH`), without following it; undefined if it is absent. The caller closes it.
 * @throws {CodedError} INTERNAL if it is not a directory.
 */
export function openTarget(syscalls: Syscalls, target: Target): Directory | undefined {
  const fd = syscalls.openat(target.parent.fd, target.name, open.pathOnly, 0);
  if (fd === -errno.ENOENT) return undefined;
  if (fd === -errno.ENOTDIR || fd === -errno.ELOOP) {
    throw new CodedError('INTERNAL', `${shownPath(target.path)} is not a directory`);
  }
  return { fd: check(fd, 'openat', target.parent, target.name), path: target.path };
}

/**
 * Returns the mount at a target, in a fixed number of system calls: a mount has another device than the directory above
 * it. The mount table has more information, but grows with every pod of the node.
 */
export function occupantOf(syscalls: Syscalls, target: Target, directory: Directory): Occupant {
  if (deviceOf(syscalls, directory) === deviceOf(syscalls, target.parent)) return { kind: 'nothing' };
  const { type, blocks, blockSize, inodes } = checkValue(syscalls.fstatfs(directory.fd), 'statfs', directory);
  return type === TMPFS_MAGIC
    ? { kind: 'tmpfs', limits: { sizeBytes: blocks * blockSize, inodes } }
    : { kind: 'foreign' };
}

/** Returns the state of a target like `inspectTarget`, without a check that a volume is complete. */
export function occupancyOf(syscalls: Syscalls, target: Target): 'absent' | Occupant['kind'] {
  const directory = openTarget(syscalls, target);
  return directory === undefined
    ? 'absent'
    : closing(syscalls, directory, () => occupantOf(syscalls, target, directory).kind);
}

export function inspectTarget(syscalls: Syscalls, target: Target): TargetState {
  const directory = openTarget(syscalls, target);
  return directory === undefined ? 'absent' : closing(syscalls, directory, () => stateOf(syscalls, target, directory));
}

function stateOf(syscalls: Syscalls, target: Target, directory: Directory): TargetState {
  const { kind } = occupantOf(syscalls, target, directory);
  if (kind === 'nothing') return 'unmounted';
  if (kind === 'foreign') return 'foreign';
  const revision = openCurrentRevision(syscalls, directory);
  if (revision === undefined) return 'incomplete';
  syscalls.close(revision.fd);
  return 'published';
}

/** Returns the error for a mount of another program, which is never removed: INTERNAL for every call. */
export function foreignMount(target: Target): CodedError {
  return new CodedError(
    'INTERNAL',
    `what is mounted on ${shownPath(target.path)} is not this driver's: unmount it by hand`,
  );
}

function deviceOf(syscalls: Syscalls, directory: Directory): number {
  return checkValue(syscalls.fstat(directory.fd), 'fstat', directory).dev;
}
