import type { FileGroup } from '../publish/ports.ts';
import { check } from './directory.ts';
import type { Directory } from './directory.ts';
import type { FileStatus, Syscalls } from './syscalls.ts';

/** Modes and group of a volume's files. All users can read without a group, else only root and the group. */
export interface FileMode {
  readonly fileMode: number;
  readonly directoryMode: number;
  readonly gid: number | undefined;
}

export function fileModeOf(group: FileGroup): FileMode {
  return group.gid === undefined
    ? { fileMode: 0o444, directoryMode: 0o755, gid: undefined }
    : { fileMode: 0o440, directoryMode: 0o750, gid: group.gid };
}

const permissionBits = 0o7777;
/** For fchown: leaves the owner unchanged. */
const SAME_OWNER = 0xffffffff;

export function hasFileMode(status: FileStatus, mode: number, gid: number | undefined): boolean {
  return (status.mode & permissionBits) === mode && (gid === undefined || status.gid === gid);
}

/**
 * Sets group and mode. The group comes first, since a change of owner can clear mode bits. The mode is set explicitly,
 * so that no umask affects it.
 */
export function setFileMode(
  syscalls: Syscalls,
  fd: number,
  mode: number,
  gid: number | undefined,
  directory: Directory,
  name?: string,
): void {
  if (gid !== undefined) check(syscalls.fchown(fd, SAME_OWNER, gid), 'fchown', directory, name);
  check(syscalls.fchmod(fd, mode), 'fchmod', directory, name);
}
