import fs from 'node:fs';
import koffi from 'koffi';
import type { LibraryHandle } from 'koffi';
import { errno } from './errno.ts';
import type { FileStatus, FilesystemStatus, Syscalls } from './syscalls.ts';

/** Equal on every architecture: these calls were added after the tables were unified. */
const numbers = { move_mount: 429, fsopen: 430, fsconfig: 431, fsmount: 432, openat2: 437 } as const;

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const fsconfigCommand = { SET_FLAG: 0, SET_STRING: 1, CREATE: 6 } as const;
/** MOVE_MOUNT_F_EMPTY_PATH and MOVE_MOUNT_T_EMPTY_PATH: both ends are descriptors, no path is looked up. */
const MOVE_BETWEEN_DESCRIPTORS = 0x4 | 0x40;
/** NAME_MAX and one byte more, so that a longer link is detected. */
const linkBufferBytes = 256;

type Argument = number | string | Uint8Array | BigUint64Array | null;
type Call = (...values: readonly Argument[]) => number;
type Callback = (failure: Error | null, result: number) => void;
type LibraryCall = Call & { readonly async: (...values: readonly (Argument | Callback)[]) => void };

/**
 * Binds the C library's functions, once per process. Uses libc names if they exist (the new mount calls: glibc 2.36),
 * else `syscall(2)`; a kernel without a call returns ENOSYS in either case.
 */
export function loadSyscalls(): Syscalls {
  return new LinuxSyscalls(koffi.load(null));
}

class LinuxSyscalls implements Syscalls {
  readonly #calls: ReturnType<typeof bindAll>;
  readonly #openHow = new BigUint64Array(3);
  readonly #link = Buffer.alloc(linkBufferBytes);

  constructor(library: LibraryHandle) {
    this.#calls = bindAll(library);
  }

  openat(directoryFd: number, name: string, flags: number, mode: number): number {
    return outcome(this.#calls.openat(directoryFd, name, flags, mode));
  }

  openat2(directoryFd: number, path: string, flags: number, resolve: number): number {
    this.#openHow[0] = BigInt(flags);
    this.#openHow[2] = BigInt(resolve);
    return outcome(this.#calls.openat2(directoryFd, path, this.#openHow, this.#openHow.byteLength));
  }

  close(fd: number): number {
    return outcome(this.#calls.close(fd));
  }

  read(fd: number, into: Uint8Array): number {
    return outcome(this.#calls.read(fd, into, into.length));
  }

  write(fd: number, bytes: Uint8Array): number {
    return outcome(this.#calls.write(fd, bytes, bytes.length));
  }

  fchmod(fd: number, mode: number): number {
    return outcome(this.#calls.fchmod(fd, mode));
  }

  fchown(fd: number, uid: number, gid: number): number {
    return outcome(this.#calls.fchown(fd, uid, gid));
  }

  mkdirat(directoryFd: number, name: string, mode: number): number {
    return outcome(this.#calls.mkdirat(directoryFd, name, mode));
  }

  linkat(fromDirectoryFd: number, from: string, toDirectoryFd: number, to: string): number {
    return outcome(this.#calls.linkat(fromDirectoryFd, from, toDirectoryFd, to, 0));
  }

  symlinkat(target: string, directoryFd: number, name: string): number {
    return outcome(this.#calls.symlinkat(target, directoryFd, name));
  }

  readlinkat(directoryFd: number, name: string): string | number {
    const length = outcome(this.#calls.readlinkat(directoryFd, name, this.#link, this.#link.length));
    return length < 0 ? length : this.#link.toString('utf8', 0, length);
  }

  renameat(directoryFd: number, from: string, to: string): number {
    return outcome(this.#calls.renameat(directoryFd, from, directoryFd, to));
  }

  unlinkat(directoryFd: number, name: string, flags: number): number {
    return outcome(this.#calls.unlinkat(directoryFd, name, flags));
  }

  fstat(fd: number): FileStatus | number {
    return attempt(() => fs.fstatSync(fd));
  }

  fstatfs(fd: number): FilesystemStatus | number {
    return attempt(() => {
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
    });
  }

  list(directoryFd: number): readonly string[] | number {
    return attempt(() => fs.readdirSync(descriptorPath(directoryFd)));
  }

  fsopen(type: string): number {
    return outcome(this.#calls.fsopen(type, FSOPEN_CLOEXEC));
  }

  fsconfig(filesystemFd: number, key: string, value?: string): number {
    const command = value === undefined ? fsconfigCommand.SET_FLAG : fsconfigCommand.SET_STRING;
    return outcome(this.#calls.fsconfig(filesystemFd, command, key, value ?? null, 0));
  }

  fsconfigCreate(filesystemFd: number): number {
    return outcome(this.#calls.fsconfig(filesystemFd, fsconfigCommand.CREATE, null, null, 0));
  }

  fsmount(filesystemFd: number, attributes: number): number {
    return outcome(this.#calls.fsmount(filesystemFd, FSMOUNT_CLOEXEC, attributes));
  }

  moveMount(mountFd: number, targetFd: number): number {
    return outcome(this.#calls.move_mount(mountFd, '', targetFd, '', MOVE_BETWEEN_DESCRIPTORS));
  }

  mount(source: string, target: string, type: string, flags: number, options: string): number {
    return outcome(this.#calls.mount(source, target, type, flags, options));
  }

  umount2(target: string, flags: number): number {
    return outcome(this.#calls.umount2(target, flags));
  }

  inotifyInit(): number {
    return outcome(this.#calls.inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  }

  inotifyAddWatch(inotifyFd: number, path: string, mask: number): number {
    return outcome(this.#calls.inotify_add_watch(inotifyFd, path, mask));
  }

  umount2InThread(target: string, flags: number): Promise<number> {
    return inThread(this.#calls.umount2, target, flags);
  }

  unlinkatInThread(directoryFd: number, name: string, flags: number): Promise<number> {
    return inThread(this.#calls.unlinkat, directoryFd, name, flags);
  }
}

/** Returns the kernel's path of an open descriptor; works for O_PATH ones too. */
export function descriptorPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

function bindAll(library: LibraryHandle) {
  const libc = (name: string, result: string, types: string[]): LibraryCall => library.func(name, result, types);
  const recent = (name: keyof typeof numbers, types: string[]): Call => bindRecent(library, name, types);
  return {
    openat: libc('openat', 'int', ['int', 'str', 'int', 'uint']),
    close: libc('close', 'int', ['int']),
    read: libc('read', 'long', ['int', 'void *', 'size_t']),
    write: libc('write', 'long', ['int', 'void *', 'size_t']),
    fchmod: libc('fchmod', 'int', ['int', 'uint']),
    fchown: libc('fchown', 'int', ['int', 'uint', 'uint']),
    mkdirat: libc('mkdirat', 'int', ['int', 'str', 'uint']),
    linkat: libc('linkat', 'int', ['int', 'str', 'int', 'str', 'int']),
    symlinkat: libc('symlinkat', 'int', ['str', 'int', 'str']),
    readlinkat: libc('readlinkat', 'long', ['int', 'str', 'void *', 'size_t']),
    renameat: libc('renameat', 'int', ['int', 'str', 'int', 'str']),
    unlinkat: libc('unlinkat', 'int', ['int', 'str', 'int']),
    mount: libc('mount', 'int', ['str', 'str', 'str', 'ulong', 'str']),
    umount2: libc('umount2', 'int', ['str', 'int']),
    inotify_init1: libc('inotify_init1', 'int', ['int']),
    inotify_add_watch: libc('inotify_add_watch', 'int', ['int', 'str', 'uint']),
    fsopen: recent('fsopen', ['str', 'uint']),
    fsconfig: recent('fsconfig', ['int', 'uint', 'str', 'str', 'int']),
    fsmount: recent('fsmount', ['int', 'uint', 'uint']),
    move_mount: recent('move_mount', ['int', 'str', 'int', 'str', 'uint']),
    openat2: recent('openat2', ['int', 'str', 'void *', 'size_t']),
  };
}

function bindRecent(library: LibraryHandle, name: keyof typeof numbers, types: string[]): Call {
  try {
    return library.func(name, 'int', types);
  } catch {
    const number = numbers[name];
    const syscall: Call = library.func('syscall', 'long', ['long', ...types]);
    return (...values) => syscall(number, ...values);
  }
}

function outcome(result: number): number {
  return result < 0 ? -koffi.errno() : result;
}

/** Runs the call in one of libuv's four threads. koffi returns that thread's errno. */
function inThread(call: LibraryCall, ...values: readonly Argument[]): Promise<number> {
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
