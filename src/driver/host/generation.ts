import type { Ownership, VolumeFile } from '../volume/ports.js';
import { check, checkValue, closing, openDirectory } from './directory.js';
import type { Directory } from './directory.js';
import { errno } from './errno.js';
import { AT_REMOVEDIR, open } from './syscalls.js';
import type { FileStatus, Syscalls } from './syscalls.js';

/** Who may read: everybody without a group, else root and the group alone. */
export interface Permissions {
  readonly fileMode: number;
  readonly directoryMode: number;
  readonly gid: number | undefined;
}

export function permissionsOf(ownership: Ownership): Permissions {
  return ownership.gid === undefined
    ? { fileMode: 0o444, directoryMode: 0o755, gid: undefined }
    : { fileMode: 0o440, directoryMode: 0o750, gid: ownership.gid };
}

const permissionBits = 0o7777;
/** For fchown: leave the owner as it is. */
const SAME_OWNER = 0xffffffff;

export function hasPermissions(status: FileStatus, mode: number, gid: number | undefined): boolean {
  return (status.mode & permissionBits) === mode && (gid === undefined || status.gid === gid);
}

/** Owner before mode, since a change of owner may clear bits. Explicit, so that no umask has a say. */
export function setPermissions(
  syscalls: Syscalls,
  fd: number,
  mode: number,
  gid: number | undefined,
  place: Directory,
  name?: string,
): void {
  if (gid !== undefined) check(syscalls.fchown(fd, SAME_OWNER, gid), 'fchown', place, name);
  check(syscalls.fchmod(fd, mode), 'fchmod', place, name);
}

/** Creates one complete generation: a flat directory with its files, owner and modes final. Not yet visible by name. */
export function writeGeneration(
  syscalls: Syscalls,
  root: Directory,
  name: string,
  files: readonly VolumeFile[],
  permissions: Permissions,
): void {
  closing(syscalls, openDirectory(syscalls, root, name, open.directory), (directory) => {
    setPermissions(syscalls, directory.fd, permissions.directoryMode, permissions.gid, directory);
    for (const file of files) writeFile(syscalls, directory, file, permissions);
  });
}

function writeFile(syscalls: Syscalls, directory: Directory, file: VolumeFile, permissions: Permissions): void {
  const fd = check(syscalls.openat(directory.fd, file.name, open.create, 0), 'openat', directory, file.name);
  try {
    let rest = file.content;
    while (rest.length > 0) rest = rest.subarray(check(syscalls.write(fd, rest), 'write', directory, file.name));
    setPermissions(syscalls, fd, permissions.fileMode, permissions.gid, directory, file.name);
  } finally {
    syscalls.close(fd);
  }
}

/** Whether the generation holds exactly these files with these bytes, modes and group. */
export function isGeneration(
  syscalls: Syscalls,
  directory: Directory,
  files: readonly VolumeFile[],
  permissions: Permissions,
): boolean {
  const status = checkValue(syscalls.fstat(directory.fd), 'fstat', directory);
  if (!hasPermissions(status, permissions.directoryMode, permissions.gid)) return false;
  if (checkValue(syscalls.list(directory.fd), 'getdents', directory).length !== files.length) return false;
  return files.every((file) => isFile(syscalls, directory, file, permissions));
}

function isFile(syscalls: Syscalls, directory: Directory, file: VolumeFile, permissions: Permissions): boolean {
  const fd = syscalls.openat(directory.fd, file.name, open.read, 0);
  if (fd === -errno.ENOENT || fd === -errno.ELOOP) return false;
  check(fd, 'openat', directory, file.name);
  try {
    const status = checkValue(syscalls.fstat(fd), 'fstat', directory, file.name);
    if (status.size !== file.content.length) return false;
    if (!hasPermissions(status, permissions.fileMode, permissions.gid)) return false;
    return hasContent(syscalls, fd, file, directory);
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

/** Removes an entry of the directory: a generation, whole or half-written, a link, or what else stands there (one level). */
export function removeEntry(syscalls: Syscalls, root: Directory, name: string): void {
  const fd = syscalls.openat(root.fd, name, open.directory, 0);
  if (fd === -errno.ENOENT) return;
  if (fd === -errno.ENOTDIR || fd === -errno.ELOOP) {
    check(syscalls.unlinkat(root.fd, name, 0), 'unlinkat', root, name);
    return;
  }
  closing(syscalls, { fd: check(fd, 'openat', root, name), path: `${root.path}/${name}` }, (directory) => {
    for (const entry of checkValue(syscalls.list(directory.fd), 'getdents', directory)) {
      check(syscalls.unlinkat(directory.fd, entry, 0), 'unlinkat', directory, entry);
    }
  });
  check(syscalls.unlinkat(root.fd, name, AT_REMOVEDIR), 'unlinkat', root, name);
}
