import { constants } from 'node:fs';

/**
 * The system calls that the host folder makes, all of them, so that a test can stand between (fail or die before any
 * one call). Each answers as the kernel does: the result, or the negative errno. None throws.
 *
 * Everything but the kubelet directory itself is named relative to an open directory: what a path means cannot change
 * between two steps.
 */
export interface Syscalls {
  openat(directoryFd: number, name: string, flags: number, mode: number): number;
  openat2(directoryFd: number, path: string, flags: number, resolve: number): number;
  close(fd: number): number;
  read(fd: number, into: Uint8Array): number;
  write(fd: number, bytes: Uint8Array): number;
  fchmod(fd: number, mode: number): number;
  fchown(fd: number, uid: number, gid: number): number;
  mkdirat(directoryFd: number, name: string, mode: number): number;
  /** A second name, in another directory or the same, for a file that must not be a symbolic link. */
  linkat(fromDirectoryFd: number, from: string, toDirectoryFd: number, to: string): number;
  symlinkat(target: string, directoryFd: number, name: string): number;
  readlinkat(directoryFd: number, name: string): string | number;
  renameat(directoryFd: number, from: string, to: string): number;
  unlinkat(directoryFd: number, name: string, flags: number): number;
  fstat(fd: number): FileStatus | number;
  /** Of what an absolute path leads to, through links. */
  stat(path: string): FileStatus | number;
  fstatfs(fd: number): FilesystemStatus | number;
  /** The names in a directory, without `.` and `..`. The descriptor may be an O_PATH one. */
  list(directoryFd: number): readonly string[] | number;

  fsopen(type: string): number;
  /** `value` undefined sets a flag. */
  fsconfig(filesystemFd: number, key: string, value?: string): number;
  fsconfigCreate(filesystemFd: number): number;
  fsmount(filesystemFd: number, attributes: number): number;
  /** Attaches the mount that `mountFd` is onto the directory that `targetFd` is. */
  moveMount(mountFd: number, targetFd: number): number;
  mount(source: string, target: string, type: string, flags: number, options: string): number;
  umount2(target: string, flags: number): number;

  /** `umount2` and `unlinkat` in a thread, for where the kernel may wait: everything else goes on meanwhile. */
  umount2Aside(target: string, flags: number): Promise<number>;
  unlinkatAside(directoryFd: number, name: string, flags: number): Promise<number>;
}

export interface FileStatus {
  readonly dev: number;
  readonly ino: number;
  /** Type and permissions. */
  readonly mode: number;
  readonly gid: number;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
}

export interface FilesystemStatus {
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly blocksAvailable: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** Stands for the working directory where a directory descriptor is asked for; the path beside it is absolute. */
export const AT_FDCWD = -100;
export const AT_REMOVEDIR = 0x200;

const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;

/** Ways to open: no descriptor outlives an exec, and no last component is followed when it is a symbolic link. */
export const open = {
  /** A place: to work relative to it, to mount onto it. Its content cannot be changed through it. */
  place: O_PATH | O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  directory: constants.O_RDONLY | O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  read: constants.O_RDONLY | O_CLOEXEC | constants.O_NOFOLLOW,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | O_CLOEXEC | constants.O_NOFOLLOW,
} as const;

/** For `openat2`. */
export const resolve = { NO_XDEV: 0x01, NO_SYMLINKS: 0x04 } as const;

/** For `fsmount`. */
export const mountAttribute = { NOSUID: 0x2, NODEV: 0x4, NOEXEC: 0x8 } as const;

/** For `mount`. */
export const mountFlag = { NOSUID: 0x2, NODEV: 0x4, NOEXEC: 0x8, REMOUNT: 0x20 } as const;

/** For `umount2`. */
export const unmountFlag = { DETACH: 0x2, NOFOLLOW: 0x8 } as const;

/** `f_type` of a tmpfs. */
export const TMPFS_MAGIC = 0x01021994;
