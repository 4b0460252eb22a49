import { constants } from 'node:fs';

/**
 * All system calls of the host folder, so that a test can fail or kill the process before any of them. Each returns the
 * result or the negative errno. None throws.
 *
 * Only the kubelet directory is named by a path. Everything else is relative to an open directory, so that a path
 * cannot change its meaning between two steps.
 */
export interface Syscalls {
  openat(directoryFd: number, name: string, flags: number, mode: number): number;
  close(fd: number): number;
  read(fd: number, into: Uint8Array): number;
  write(fd: number, bytes: Uint8Array): number;
  fchmod(fd: number, mode: number): number;
  fchown(fd: number, uid: number, gid: number): number;
  mkdirat(directoryFd: number, name: string, mode: number): number;
  /** Links a second name, in another directory or the same, to a file that must not be a symbolic link. */
  linkat(fromDirectoryFd: number, from: string, toDirectoryFd: number, to: string): number;
  symlinkat(target: string, directoryFd: number, name: string): number;
  readlinkat(directoryFd: number, name: string): string | number;
  renameat(directoryFd: number, from: string, to: string): number;
  unlinkat(directoryFd: number, name: string, flags: number): number;
  fstat(fd: number): FileStatus | number;
  fstatfs(fd: number): FilesystemStatus | number;
  /** Lists the names in a directory, without `.` and `..`. The descriptor can be an O_PATH one. */
  list(directoryFd: number): readonly string[] | number;

  fsopen(type: string): number;
  /** `value` undefined sets a flag. */
  fsconfig(filesystemFd: number, key: string, value?: string): number;
  fsconfigCreate(filesystemFd: number): number;
  fsmount(filesystemFd: number, attributes: number): number;
  /** Attaches the mount of `mountFd` onto the directory of `targetFd`. */
  moveMount(mountFd: number, targetFd: number): number;
  mount(source: string, target: string, type: string, flags: number, options: string): number;

  /** Creates an inotify(7) instance, whose reads do not wait. */
  inotifyInit(): number;
  /** Watches the object of a path, also that of a descriptor. Returns the number of the watch. */
  inotifyAddWatch(inotifyFd: number, path: string, mask: number): number;

  /** umount2(2) and unlinkat(2) in a thread, because the kernel can wait: the event loop continues meanwhile. */
  umount2InThread(target: string, flags: number): Promise<number>;
  unlinkatInThread(directoryFd: number, name: string, flags: number): Promise<number>;
}

export interface FileStatus {
  readonly dev: number;
  /** Type and permissions. */
  readonly mode: number;
  readonly gid: number;
  readonly size: number;
}

interface FilesystemStatus {
  readonly type: number;
  readonly blockSize: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly blocksAvailable: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** Stands for the working directory; the path next to it is absolute. */
export const AT_FDCWD = -100;
export const AT_REMOVEDIR = 0x200;

const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;

/** Flags of openat: no descriptor outlives an exec, and a symbolic link as last component is not followed. */
export const open = {
  /** A directory to work relative to or to mount onto. Its content cannot be changed through the descriptor. */
  pathOnly: O_PATH | O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  directory: constants.O_RDONLY | O_CLOEXEC | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  read: constants.O_RDONLY | O_CLOEXEC | constants.O_NOFOLLOW,
  create: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | O_CLOEXEC | constants.O_NOFOLLOW,
} as const;

/** For `fsmount`. */
export const mountAttribute = { NOSUID: 0x2, NODEV: 0x4, NOEXEC: 0x8 } as const;

/** For `mount`. */
export const mountFlag = { NOSUID: 0x2, NODEV: 0x4, NOEXEC: 0x8, REMOUNT: 0x20 } as const;

/** For `umount2InThread`. */
export const unmountFlag = { DETACH: 0x2, NOFOLLOW: 0x8 } as const;

/** For inotify: an event of a watch, and the end of a watch, also because its file system has gone. */
export const inotify = { DELETE_SELF: 0x400, IGNORED: 0x8000 } as const;

/** `f_type` of a tmpfs. */
export const TMPFS_MAGIC = 0x01021994;
