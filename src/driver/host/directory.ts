import { SyscallError } from './errno.ts';
import type { Syscalls } from './syscalls.ts';

/** The object of a system call, named in errors. */
interface SyscallSubject {
  readonly path: string;
}

/** An open directory. */
export interface Directory extends SyscallSubject {
  /** Never the negative errno of a failed call. */
  readonly fd: number;
}

/**
 * Returns the result of a call. @throws {SyscallError} naming the call and the path if the result is a negative errno.
 */
export function check(result: number, call: string, subject: SyscallSubject, name?: string): number {
  if (result < 0) throw failure(result, call, subject, name);
  return result;
}

/** Checks the result like `check`, for calls that return more than a number. */
export function checkValue<T extends object | string>(
  result: T | number,
  call: string,
  subject: SyscallSubject,
  name?: string,
): T {
  if (typeof result === 'number') throw failure(result, call, subject, name);
  return result;
}

function failure(result: number, call: string, { path }: SyscallSubject, name?: string): SyscallError {
  return new SyscallError(call, name === undefined ? path : `${path}/${name}`, -result);
}

/** Opens a directory inside another one; the caller closes it. */
export function openDirectory(syscalls: Syscalls, parent: Directory, name: string, flags: number): Directory {
  return {
    fd: check(syscalls.openat(parent.fd, name, flags, 0), 'openat', parent, name),
    path: `${parent.path}/${name}`,
  };
}

/** Closes the directory after `use`, even if that throws. */
export function closing<T>(syscalls: Syscalls, directory: Directory, use: (directory: Directory) => T): T {
  try {
    return use(directory);
  } finally {
    syscalls.close(directory.fd);
  }
}
