import { DriverError } from '../../errors.js';
import { isSelinuxLabel } from '../rules/selinux-label.js';
import { check } from './directory.js';
import { errno } from './errno.js';
import { AT_FDCWD, open } from './syscalls.js';
import type { Syscalls } from './syscalls.js';

/** What containers may read, in the policies of every distribution that has one. */
const containerContext = 'system_u:object_r:container_file_t:s0';

/**
 * The label for a volume: none unless SELinux enforces now, else the one asked for, else one that containers may read.
 * The kubelet relabels nothing in a volume that it asked to be read-only.
 * @param selinuxDir where selinuxfs is mounted, /sys/fs/selinux.
 */
export function selinuxContext(syscalls: Syscalls, selinuxDir: string, requested?: string): string | undefined {
  if (requested !== undefined && !isSelinuxLabel(requested)) {
    throw new DriverError('INVALID_ARGUMENT', `${JSON.stringify(requested)} is not an SELinux context`);
  }
  return isEnforcing(syscalls, selinuxDir) ? (requested ?? containerContext) : undefined;
}

/** Asked each time: an administrator may switch it while the driver runs. */
function isEnforcing(syscalls: Syscalls, selinuxDir: string): boolean {
  const place = { path: selinuxDir };
  const fd = syscalls.openat(AT_FDCWD, `${selinuxDir}/enforce`, open.read, 0);
  if (fd === -errno.ENOENT || fd === -errno.ENOTDIR) return false;
  check(fd, 'openat', place, 'enforce');
  try {
    const content = Buffer.alloc(1);
    return check(syscalls.read(fd, content), 'read', place, 'enforce') === 1 && content.toString('latin1') === '1';
  } finally {
    syscalls.close(fd);
  }
}
