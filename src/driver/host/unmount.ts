import { DriverError } from '../../errors.js';
import { check } from './directory.js';
import { errno } from './errno.js';
import { descriptorPath } from './linux-syscalls.js';
import { inspectTarget } from './mount-state.js';
import { AT_REMOVEDIR, unmountFlag } from './syscalls.js';
import type { Syscalls } from './syscalls.js';
import type { Target } from './target-path.js';

/**
 * Unmounts until nothing is mounted: drivers have been known to stack mounts. Lazily only while the mount is in use.
 * @throws {DriverError} INTERNAL for a mount that is not a tmpfs, which stays.
 */
export function unmountAll(syscalls: Syscalls, target: Target): 'absent' | 'unmounted' {
  for (;;) {
    const state = inspectTarget(syscalls, target);
    if (state === 'absent' || state === 'unmounted') return state;
    if (state === 'foreign') {
      throw new DriverError('INTERNAL', `what is mounted on ${target.path} is not this driver's: unmount it by hand`);
    }
    const outcome = unmount(syscalls, target);
    // Somebody else was faster. The kernel says EINVAL also for mounts that it will not let go: then nothing has changed.
    const isGone = outcome === -errno.EINVAL || outcome === -errno.ENOENT;
    if (isGone && inspectTarget(syscalls, target) !== state) continue;
    check(outcome, 'umount2', target.parent, target.name);
  }
}

function unmount(syscalls: Syscalls, target: Target): number {
  const outcome = syscalls.umount2(mountPointOf(target), unmountFlag.NOFOLLOW);
  return outcome === -errno.EBUSY ? unmountNow(syscalls, target) : outcome;
}

/** Takes the mount away even while it is in use; it lives on for those who use it. */
export function unmountNow(syscalls: Syscalls, target: Target): number {
  return syscalls.umount2(mountPointOf(target), unmountFlag.NOFOLLOW | unmountFlag.DETACH);
}

/** Removes the target's directory if it is empty. @throws {DriverError} INTERNAL when it is not. */
export function removeDirectory(syscalls: Syscalls, target: Target): void {
  const removed = syscalls.unlinkat(target.parent.fd, target.name, AT_REMOVEDIR);
  if (removed === -errno.ENOENT) return;
  if (removed === -errno.ENOTEMPTY) {
    throw new DriverError('INTERNAL', `${target.path} is not mounted and not empty: nothing was removed`);
  }
  check(removed, 'rmdir', target.parent, target.name);
}

/** The target as a path whose parent cannot be exchanged: umount2 takes no descriptor. */
function mountPointOf(target: Target): string {
  return `${descriptorPath(target.parent.fd)}/${target.name}`;
}
