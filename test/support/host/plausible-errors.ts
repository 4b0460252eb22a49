import type { constants } from 'node:os';
import type { CallName } from './syscall-wrapper.ts';

export type ErrnoName = keyof typeof constants.errno;

/**
 * How each system call of the host may fail, from its manual page. Left out is what only says what is there (ENOENT,
 * EEXIST, ENOTDIR, ELOOP, and EINVAL of a link): injected, it would be a lie about the state and not a failure. A new
 * call without an entry does not compile.
 */
export const plausibleErrors: Readonly<Record<CallName, readonly ErrnoName[]>> = {
  openat: ['EACCES', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EDQUOT', 'EINTR', 'EIO', 'EPERM'],
  close: ['EIO', 'EINTR'],
  read: ['EIO', 'EINTR', 'EAGAIN'],
  write: ['ENOSPC', 'EDQUOT', 'EFBIG', 'EIO', 'EINTR', 'ENOMEM'],
  fchmod: ['EPERM', 'EROFS', 'EIO'],
  fchown: ['EPERM', 'EROFS', 'EIO', 'EDQUOT', 'EINVAL'],
  mkdirat: ['EACCES', 'EDQUOT', 'EMLINK', 'ENOMEM', 'ENOSPC', 'EROFS', 'EIO'],
  linkat: ['EDQUOT', 'EMLINK', 'ENOMEM', 'ENOSPC', 'EPERM', 'EIO'],
  symlinkat: ['EDQUOT', 'ENOMEM', 'ENOSPC', 'EROFS', 'EIO'],
  readlinkat: ['EACCES', 'EIO', 'ENOMEM'],
  renameat: ['EBUSY', 'EDQUOT', 'ENOMEM', 'ENOSPC', 'EROFS', 'EIO'],
  unlinkat: ['EACCES', 'EBUSY', 'EIO', 'ENOMEM', 'EPERM', 'EROFS'],
  fstat: ['EIO', 'ENOMEM', 'EOVERFLOW'],
  fstatfs: ['EACCES', 'EINTR', 'EIO', 'ENOMEM', 'EOVERFLOW'],
  list: ['EACCES', 'EMFILE', 'ENFILE', 'EIO', 'ENOMEM'],
  fsopen: ['EMFILE', 'ENFILE', 'ENODEV', 'ENOMEM', 'EPERM'],
  fsconfig: ['EBUSY', 'EINVAL', 'ENOMEM', 'EPERM'],
  fsconfigCreate: ['EBUSY', 'EINVAL', 'ENOMEM', 'ENOSPC', 'EPERM'],
  fsmount: ['EBUSY', 'EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC', 'EPERM'],
  moveMount: ['EBUSY', 'EINVAL', 'ENOMEM', 'ENOSPC', 'EPERM'],
  mount: ['EBUSY', 'EINVAL', 'EMFILE', 'ENOMEM', 'ENOSPC', 'EPERM'],
  inotifyInit: ['EMFILE', 'ENFILE', 'ENOMEM'],
  inotifyAddWatch: ['ENOSPC', 'ENOMEM'],
  umount2InThread: ['EAGAIN', 'EBUSY', 'EPERM', 'ENOMEM'],
  unlinkatInThread: ['EACCES', 'EBUSY', 'EIO', 'ENOMEM', 'ENOTEMPTY', 'EROFS'],
};
