import { constants } from 'node:os';
import { CodedError } from '../../errors.js';
import { shownPath } from '../../wording.js';

/** Numbers by name, of the machine this runs on. */
export const errno = constants.errno;

/** Of a number with two names the first, as the kernel has it: EAGAIN, not EWOULDBLOCK. */
const names: ReadonlyMap<number, string> = new Map(
  Object.entries(errno)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** `ENOENT` for 2; `errno 4711` for a number that the platform does not name. */
export function errnoName(number: number): string {
  return names.get(number) ?? `errno ${number}`;
}

/** A system call that failed: which, on what, and why. */
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

/** The volume's files need more room than its tmpfs has, or the node has no room for another mount. */
function isOutOfSpace(error: SyscallError): boolean {
  return error.errno === errno.ENOSPC || error.errno === errno.EDQUOT;
}

const inVolume = 'no room in the volume (see --tmpfs-size of the driver)';
const onNode = 'no room for another mount on the node (see sysctl fs.mount-max)';

/** What has no room, by the call that met the bound. A directory may be one of the volume or of the node. */
const withoutRoom: ReadonlyMap<string, string> = new Map([
  ['openat', inVolume],
  ['write', inVolume],
  ['symlinkat', inVolume],
  ['mount', onNode],
  ['move_mount', onNode],
]);

/** What a failed system call means to the kubelet: RESOURCE_EXHAUSTED without room, else INTERNAL. */
export function fromSyscallError(error: SyscallError): CodedError {
  if (!isOutOfSpace(error)) return new CodedError('INTERNAL', error.message, { cause: error });
  const what = withoutRoom.get(error.call) ?? 'no room for the volume';
  return new CodedError('RESOURCE_EXHAUSTED', `${what}: ${error.message}`, { cause: error });
}
