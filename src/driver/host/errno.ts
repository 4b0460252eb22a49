import { constants } from 'node:os';
import { CodedError } from '../../shared/errors.ts';
import { shownPath } from '../../shared/message-text.ts';

/** Error numbers of this machine, by name. */
export const errno = constants.errno;

/** The first of two names for a number, as in the kernel: EAGAIN, not EWOULDBLOCK. */
const names: ReadonlyMap<number, string> = new Map(
  Object.entries(errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** Returns `ENOENT` for 2; `errno 4711` for a number that the platform does not name. */
export function errnoName(number: number): string {
  return names.get(number) ?? `errno ${number}`;
}

/** A failed system call, with its object and error. */
export class SyscallError extends Error {
  override readonly name = 'SyscallError';
  readonly call: string;
  readonly errno: number;

  constructor(call: string, path: string, number: number) {
    super(`${call} ${shownPath(path)}: ${errnoName(number)}`);
    this.call = call;
    this.errno = number;
  }
}

/** Reports whether the volume's tmpfs is full, or the node's limit of mounts is reached. */
function isOutOfSpace(error: SyscallError): boolean {
  return error.errno === errno.ENOSPC || error.errno === errno.EDQUOT;
}

const inVolume = 'no room in the volume, because its pod keeps replaced files open';
const onNode = 'no room for another mount on the node (see sysctl fs.mount-max)';

/**
 * Message by the call that met the limit. A directory can belong to the volume or to the node, so its call is absent.
 */
const fullMessages: ReadonlyMap<string, string> = new Map([
  ['openat', inVolume],
  ['write', inVolume],
  ['symlinkat', inVolume],
  ['mount', onNode],
  ['move_mount', onNode],
]);

/** Converts a failed system call to RESOURCE_EXHAUSTED if a limit was met, else to INTERNAL. */
export function fromSyscallError(error: SyscallError): CodedError {
  if (!isOutOfSpace(error)) return new CodedError('INTERNAL', error.message, { cause: error });
  const what = fullMessages.get(error.call) ?? 'no room for the volume';
  return new CodedError('RESOURCE_EXHAUSTED', `${what}: ${error.message}`, { cause: error });
}
