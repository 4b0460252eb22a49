import type { Ownership } from '../volume/ports.js';
import { check } from './directory.js';
import type { Directory } from './directory.js';
import type { FileStatus, Syscalls } from './syscalls.js';

/** Who may read: everybody without a group, else root and the group alone. */
export interface FileMode {
  readonly fileMode: number;
  readonly directoryMode: number;
  readonly gid: number | undefined;
}

export function fileModeOf(ownership: Ownership): FileMode {
  return ownership.gid === undefined
    ? { fileMode: 0o444, directoryMode: 0o755, gid: undefined }
    : { fileMode: 0o440, directoryMode: 0o750, gid: ownership.gid };
}

const permissionBits = 0o7777;
/** For fchown: leave the owner as it is. */
const SAME_OWNER = 0xffffffff;

export function hasFileMode(status: FileStatus, mode: number, gid: number | undefined): boolean {
  return (status.mode & permissionBits) === mode && (gid === undefined || status.gid === gid);
}

/** Owner before mode, since a change of owner may clear bits. Explicit, so that no umask has a say. */
export function setFileMode(
  syscalls: Syscalls,
  fd: number,
  mode: number,
  gid: number | undefined,
  place: Directory,
): void {
  setGroup(syscalls, fd, gid, place);
  check(syscalls.fchmod(fd, mode), 'fchmod', place);
}

export function setGroup(
  syscalls: Syscalls,
  fd: number,
  gid: number | undefined,
  place: Directory,
  name?: string,
): void {
  if (gid !== undefined) check(syscalls.fchown(fd, SAME_OWNER, gid), 'fchown', place, name);
}
