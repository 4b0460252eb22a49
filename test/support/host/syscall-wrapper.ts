import { constants as fileConstants } from 'node:fs';
import type { Syscalls } from '../../../src/driver/host/syscalls.ts';

export type CallName = keyof Syscalls;

/**
 * Real system calls with somebody standing before each: `before` may act (die, look around), and what it returns, a
 * negative errno, is answered in place of making the call.
 */
export function wrapSyscalls(
  base: Syscalls,
  before: (call: CallName, args: readonly unknown[]) => number | undefined,
): Syscalls {
  return new Proxy(base, {
    get(target, property) {
      const call = property as CallName;
      const method: unknown = Reflect.get(target, property);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown => before(call, args) ?? Reflect.apply(method, target, args);
    },
  });
}

const reads: ReadonlySet<CallName> = new Set([
  ...['close', 'read', 'readlinkat', 'fstat', 'fstatfs', 'list'],
  ...['inotifyInit', 'inotifyAddWatch'],
] as const);

/** Reports whether the system call can change something that outlives the process. */
export function changes(call: CallName, args: readonly unknown[]): boolean {
  if (call === 'openat') return (Number(args[2]) & fileConstants.O_CREAT) !== 0;
  return !reads.has(call);
}
