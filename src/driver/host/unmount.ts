import { CodedError } from '../../shared/errors.ts';
import { shownPath } from '../../shared/message-text.ts';
import { check } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno } from './errno.ts';
import { descriptorPath } from './linux-syscalls.ts';
import { foreignMount, occupancyOf, openTarget } from './mount-state.ts';
import { AT_REMOVEDIR, unmountFlag } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';
import type { Target } from './target-path.ts';

/**
 * Unmounts until nothing is mounted, because drivers can stack mounts. Lazily only while the mount is in use. The kernel
 * waits here for every processor, so the call runs in a thread.
 * @param unmounting gets each mounted volume, and closes its descriptor. The returned function is called after the unmount.
 * @throws {CodedError} INTERNAL for a mount that is not a tmpfs, which stays.
 */
export async function unmountAll(
  syscalls: Syscalls,
  target: Target,
  unmounting: (root: Directory) => () => void,
): Promise<'absent' | 'nothing'> {
  for (;;) {
    const state = occupancyOf(syscalls, target);
    if (state === 'absent' || state === 'nothing') return state;
    if (state === 'foreign') throw foreignMount(target);
    const root = openTarget(syscalls, target);
    const unmounted = root && unmounting(root);
    const outcome = await unmount(syscalls, target);
    // Another process unmounted it first. The kernel also returns EINVAL for mounts that it does not release: then
    // nothing has changed.
    const isGone = outcome === -errno.EINVAL || outcome === -errno.ENOENT;
    if (!isGone || occupancyOf(syscalls, target) === state) check(outcome, 'umount2', target.parent, target.name);
    unmounted?.();
  }
}

async function unmount(syscalls: Syscalls, target: Target): Promise<number> {
  const mountPoint = mountPointOf(target);
  const outcome = await syscalls.umount2InThread(mountPoint, unmountFlag.NOFOLLOW);
  if (outcome !== -errno.EBUSY) return outcome;
  return syscalls.umount2InThread(mountPoint, unmountFlag.NOFOLLOW | unmountFlag.DETACH);
}

/** Removes a mount that this call made, synchronously and even while it is in use. */
export function unmountNow(syscalls: Syscalls, target: Target): number {
  return syscalls.umount2(mountPointOf(target), unmountFlag.NOFOLLOW | unmountFlag.DETACH);
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
