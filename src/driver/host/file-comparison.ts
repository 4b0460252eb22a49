import type { VolumeFile } from '../publish/ports.ts';
import { check, checkValue } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno } from './errno.ts';
import { hasFileMode } from './file-mode.ts';
import type { FileMode } from './file-mode.ts';
import { open } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

/**
 * Reports whether the directory has this file, with these bytes, mode and group.
 * @param verdicts results by inode, for files with the same wanted bytes; read and added to.
 */
export function isFile(
  syscalls: Syscalls,
  directory: Directory,
  file: VolumeFile,
  permissions: FileMode,
  verdicts: Map<number, boolean>,
): boolean {
  const fd = syscalls.openat(directory.fd, file.name, open.read, 0);
  if (fd === -errno.ENOENT || fd === -errno.ELOOP) return false;
  check(fd, 'openat', directory, file.name);
  try {
    const status = checkValue(syscalls.fstat(fd), 'fstat', directory, file.name);
    const isAlike =
      verdicts.get(status.ino) ??
      (status.size === file.content.length &&
        hasFileMode(status, permissions.fileMode, permissions.gid) &&
        hasContent(syscalls, fd, file, directory));
    verdicts.set(status.ino, isAlike);
    return isAlike;
  } finally {
    syscalls.close(fd);
  }
}

function hasContent(syscalls: Syscalls, fd: number, file: VolumeFile, directory: Directory): boolean {
  const actual = Buffer.allocUnsafe(file.content.length);
  let length = 0;
  while (length < actual.length) {
    const count = check(syscalls.read(fd, actual.subarray(length)), 'read', directory, file.name);
    if (count === 0) return false;
    length += count;
  }
  return actual.equals(file.content);
}
