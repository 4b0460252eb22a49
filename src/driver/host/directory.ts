import { SyscallError } from './errno.js';
import type { Syscalls } from './syscalls.js';

/** What a call works on, as error messages call it. */
export interface Place {
  readonly path: string;
}

/** An open directory. */
export interface Directory extends Place {
  /** Never a failed call's negative errno. */
  readonly fd: number;
}

/** @throws {SyscallError} naming the call and the path when the result is a negative errno. */
export function check(result: number, call: string, place: Place, name?: string): number {
  if (result < 0) throw failure(result, call, place, name);
  return result;
}

/** `check` for the calls that answer with more than a number. */
export function checkValue<T extends object | string>(
  result: T | number,
  call: string,
  place: Place,
  name?: string,
): T {
  if (typeof result === 'number') throw failure(result, call, place, name);
  return result;
}

function failure(result: number, call: string, { path }: Place, name?: string): SyscallError {
  return new SyscallError(call, name === undefined ? path : `${path}/${name}`, -result);
}

/** Opens a directory inside another one; the caller closes it. */
export function openDirectory(syscalls: Syscalls, parent: Directory, name: string, flags: number): Directory {
  return {
    fd: check(syscalls.openat(parent.fd, name, flags, 0), 'openat', parent, name),
    path: `${parent.path}/${name}`,
  };
}

/** Closes the directory after `use`, however it ends. */
export function closing<T>(syscalls: Syscalls, directory: Directory, use: (directory: Directory) => T): T {
  try {
    return use(directory);
  } finally {
    syscalls.close(directory.fd);
  }
}
