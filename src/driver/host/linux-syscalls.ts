import fs from 'node:fs';
import koffi from 'koffi';
import { errno } from './errno.ts';
import type { Syscalls } from './syscalls.ts';

/**
 * Calls of Linux 5.2, which older C libraries have no function for. The numbers are equal on every architecture: the
 * calls were added after the tables were unified. A kernel without them returns ENOSYS.
 */
const numbers = { move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432 } as const;

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const fsconfigCommand = { SET_FLAG: 0, SET_STRING: 1, CREATE: 6 } as const;
/** MOVE_MOUNT_F_EMPTY_PATH and MOVE_MOUNT_T_EMPTY_PATH: both ends are descriptors, no path is looked up. */
const MOVE_BETWEEN_DESCRIPTORS = 0x4 | 0x40;
/** PATH_MAX. */
const linkBufferBytes = 4096;

type Argument = number | string | Uint8Array | null;
type Call = (...values: readonly Argument[]) => number;
type Callback = (failure: Error | null, result: number) => void;
type LibraryCall = Call & { readonly async: (...values: readonly (Argument | Callback)[]) => void };

/** Binds the calls, once per process. */
export function loadSyscalls(): Syscalls {
  const library = koffi.load(null);
  const bound = (name: string, types: string[], result: string): LibraryCall => library.func(name, result, types);
  const libc = (name: string, types: string[], result = 'int'): Call => {
    const call = bound(name, types, result);
    return (...values) => outcome(call(...values));
  };
  const inThread = (name: string, types: string[]): ((...values: readonly Argument[]) => Promise<number>) => {
    const call = bound(name, types, 'int');
    return (...values) => outcomeInThread(call, values);
  };
  const recent = (name: keyof typeof numbers, types: string[]): Call => {
    const call = libc('syscall', ['long', ...types], 'long');
    return (...values) => call(numbers[name], ...values);
  };
  const read = libc('read', ['int', 'void *', 'size_t'], 'long');
  const write = libc('write', ['int', 'void *', 'size_t'], 'long');
  const linkat = libc('linkat', ['int', 'str', 'int', 'str', 'int']);
  const readlinkat = libc('readlinkat', ['int', 'str', 'void *', 'size_t'], 'long');
  const renameat = libc('renameat', ['int', 'str', 'int', 'str']);
  const inotifyInit = libc('inotify_init1', ['int']);
  const fsopen = recent('fsopen', ['str', 'uint']);
  const fsconfig = recent('fsconfig', ['int', 'uint', 'str', 'str', 'int']);
  const fsmount = recent('fsmount', ['int', 'uint', 'uint']);
  const moveMount = recent('move_mount', ['int', 'str', 'int', 'str', 'uint']);
  const link = Buffer.alloc(linkBufferBytes);
  return {
    openat: libc('openat', ['int', 'str', 'int', 'uint']),
    close: libc('close', ['int']),
    read: (fd, into) => read(fd, into, into.length),
    write: (fd, bytes) => write(fd, bytes, bytes.length),
    fchmod: libc('fchmod', ['int', 'uint']),
    fchown: libc('fchown', ['int', 'uint', 'uint']),
    mkdirat: libc('mkdirat', ['int', 'str', 'uint']),
    linkat: (fromFd, from, toFd, to) => linkat(fromFd, from, toFd, to, 0),
    symlinkat: libc('symlinkat', ['str', 'int', 'str']),
    readlinkat: (fd, name) => {
      const length = readlinkat(fd, name, link, link.length);
      return length < 0 ? length : link.toString('utf8', 0, length);
    },
    renameat: (fd, from, to) => renameat(fd, from, fd, to),
    unlinkat: libc('unlinkat', ['int', 'str', 'int']),
    fstat: (fd) => attempt(() => fs.fstatSync(fd)),
    fstatfs: (fd) =>
      attempt(() => {
        const status = fs.statfsSync(descriptorPath(fd));
        return {
          type: status.type,
          blockSize: status.bsize,
          blocks: status.blocks,
          blocksFree: status.bfree,
          blocksAvailable: status.bavail,
          inodes: status.files,
          inodesFree: status.ffree,
        };
      }),
    list: (fd) => attempt(() => fs.readdirSync(descriptorPath(fd))),
    fsopen: (type) => fsopen(type, FSOPEN_CLOEXEC),
    fsconfig: (fd, key, value) =>
      value === undefined
        ? fsconfig(fd, fsconfigCommand.SET_FLAG, key, null, 0)
        : fsconfig(fd, fsconfigCommand.SET_STRING, key, value, 0),
    fsconfigCreate: (fd) => fsconfig(fd, fsconfigCommand.CREATE, null, null, 0),
    fsmount: (fd, attributes) => fsmount(fd, FSMOUNT_CLOEXEC, attributes),
    moveMount: (mountFd, targetFd) => moveMount(mountFd, '', targetFd, '', MOVE_BETWEEN_DESCRIPTORS),
    mount: libc('mount', ['str', 'str', 'str', 'ulong', 'str']),
    inotifyInit: () => inotifyInit(IN_NONBLOCK | IN_CLOEXEC),
    inotifyAddWatch: libc('inotify_add_watch', ['int', 'str', 'uint']),
    umount2InThread: inThread('umount2', ['str', 'int']),
    unlinkatInThread: inThread('unlinkat', ['int', 'str', 'int']),
  };
}

/** Returns the unit of a tmpfs's memory: usually 4 KiB, 64 KiB on some arm64 and ppc64 machines. */
export function loadPageBytes(): number {
  const getpagesize: Call = koffi.load(null).func('getpagesize', 'int', []);
  return getpagesize();
}

/** Returns the kernel's path of an open descriptor; works for O_PATH ones too. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function outcome(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

/** Runs the call in one of libuv's four threads. koffi returns that thread's errno. */
function outcomeInThread(call: LibraryCall, values: readonly Argument[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const callback: Callback = (failure, result) => {
      if (failure === null) resolve(outcome(result));
      else reject(failure);
    };
    call.async(...values, callback);
  });
}

function attempt<T>(call: () => T): T | number {
  try {
    return call();
  } catch (error) {
    return error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? error.errno : -errno.EIO;
  }
}
