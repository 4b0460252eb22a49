import { CodedError } from '../../shared/errors.ts';
import { shownPath } from '../../shared/message-text.ts';
import { check, checkValue, closing, openDirectory } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno } from './errno.ts';
import { descriptorPath } from './linux-syscalls.ts';
import { AT_REMOVEDIR, unmountFlag, open, TMPFS_MAGIC } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';
import type { Target } from './target-path.ts';
import type { VolumeStatistics } from '../publish/ports.ts';
import { openCurrentRevision } from './atomic-writer.ts';
import type { TmpfsLimits } from './footprint.ts';

/** The mount on a target that exists. */
type TargetMount = { readonly kind: 'none' | 'foreign' } | { readonly kind: 'tmpfs'; readonly limits: TmpfsLimits };

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
export function mountAt(syscalls: Syscalls, target: Target, directory: Directory): TargetMount {
  if (deviceOf(syscalls, directory) === deviceOf(syscalls, target.parent)) return { kind: 'none' };
  const { type, blocks, blockSize, inodes } = checkValue(syscalls.fstatfs(directory.fd), 'statfs', directory);
  return type === TMPFS_MAGIC
    ? { kind: 'tmpfs', limits: { sizeBytes: blocks * blockSize, inodes } }
    : { kind: 'foreign' };
}

/** Reports whether a volume with its files is mounted on a target. */
export function hasVolume(syscalls: Syscalls, target: Target): boolean {
  const directory = openTarget(syscalls, target);
  if (directory === undefined) return false;
  return closing(syscalls, directory, () => {
    if (mountAt(syscalls, target, directory).kind !== 'tmpfs') return false;
    const revision = openCurrentRevision(syscalls, directory);
    if (revision !== undefined) syscalls.close(revision.fd);
    return revision !== undefined;
  });
}

/** Returns the usage of the file system at a target. */
export function statisticsAt(syscalls: Syscalls, target: Target): VolumeStatistics {
  const { blockSize, ...status } = closing(
    syscalls,
    openDirectory(syscalls, target.parent, target.name, open.pathOnly),
    (root) => checkValue(syscalls.fstatfs(root.fd), 'statfs', root),
  );
  return {
    bytes: {
      total: status.blocks * blockSize,
      used: (status.blocks - status.blocksFree) * blockSize,
      available: status.blocksAvailable * blockSize,
    },
    inodes: {
      total: status.inodes,
      used: status.inodes - status.inodesFree,
      available: status.inodesFree,
    },
  };
}

/** Returns the error for a mount of another program, which is never removed: INTERNAL for every call. */
export function foreignMount(target: Target): CodedError {
  const message = `what is mounted on ${shownPath(target.path)} is not this driver's: unmount it by hand`;
  return new CodedError('INTERNAL', message);
}

function deviceOf(syscalls: Syscalls, directory: Directory): number {
  return checkValue(syscalls.fstat(directory.fd), 'fstat', directory).dev;
}

/**
 * Unmounts until nothing is mounted, because drivers can stack mounts. Lazily only while the mount is in use. The kernel
 * waits here for every processor, so the call runs in a thread.
 * @param unmounting gets each mounted volume. The returned function is called after the unmount.
 * @throws {CodedError} INTERNAL for a mount that is not a tmpfs, which stays.
 */
export async function unmountAll(
  syscalls: Syscalls,
  target: Target,
  unmounting: (root: Directory) => () => void,
): Promise<void> {
  for (;;) {
    const unmounted = onVolume(syscalls, target, unmounting);
    if (unmounted === undefined) return;
    const outcome = await unmount(syscalls, target);
    // Another process unmounted it first. The kernel also returns EINVAL for mounts that it does not release: then
    // nothing has changed.
    const isGone = outcome === -errno.EINVAL || outcome === -errno.ENOENT;
    if (!isGone || onVolume(syscalls, target, () => true)) check(outcome, 'umount2', target.parent, target.name);
    unmounted();
  }
}

/** Opens the volume that is mounted on a target for `use`; undefined if none is. */
function onVolume<T>(syscalls: Syscalls, target: Target, use: (root: Directory) => T): T | undefined {
  const directory = openTarget(syscalls, target);
  if (directory === undefined) return undefined;
  return closing(syscalls, directory, () => {
    const { kind } = mountAt(syscalls, target, directory);
    if (kind === 'foreign') throw foreignMount(target);
    return kind === 'tmpfs' ? use(directory) : undefined;
  });
}

async function unmount(syscalls: Syscalls, target: Target): Promise<number> {
  const mountPoint = mountPointOf(target);
  const outcome = await syscalls.umount2InThread(mountPoint, unmountFlag.NOFOLLOW);
  if (outcome !== -errno.EBUSY) return outcome;
  return syscalls.umount2InThread(mountPoint, unmountFlag.NOFOLLOW | unmountFlag.DETACH);
}

/** Removes the target's directory if it is empty. @throws {CodedError} INTERNAL if it is not. */
export async function removeDirectory(syscalls: Syscalls, target: Target): Promise<void> {
  const removed = await syscalls.unlinkatInThread(target.parent.fd, target.name, AT_REMOVEDIR);
  if (removed === -errno.ENOENT) return;
  if (removed === -errno.ENOTEMPTY) {
    throw new CodedError('INTERNAL', `${shownPath(target.path)} is not mounted and not empty: nothing was removed`);
  }
  check(removed, 'rmdir', target.parent, target.name);
}

/** Returns the target as a path whose parent cannot be exchanged: umount2 takes no descriptor. */
function mountPointOf(target: Target): string {
  return `${descriptorPath(target.parent.fd)}/${target.name}`;
}
