import { constants } from 'node:fs';
import { dataLink } from './atomic-writer.ts';
import { closing } from './directory.ts';
import { openTarget } from './mount-state.ts';
import { AT_REMOVEDIR, open } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';
import type { Target } from './target-path.ts';

/**
 * Truncates and removes the files of a volume that is about to be unmounted: a file that a process still has open would
 * keep the memory of all of them. The link to the current revision goes first, so that a volume without its files is
 * never taken for a published one.
 *
 * A failure leaves the rest without an error, because it must not prevent the unmount.
 */
export function emptyVolume(syscalls: Syscalls, target: Target): void {
  const root = openTarget(syscalls, target);
  if (root === undefined) return;
  closing(syscalls, root, () => {
    const status = syscalls.fstat(root.fd);
    const entries = syscalls.list(root.fd);
    if (typeof status === 'number' || typeof entries === 'number') return;
    if (entries.includes(dataLink) && syscalls.unlinkat(root.fd, dataLink, 0) < 0) return;
    for (const entry of entries) {
      if (syscalls.unlinkat(root.fd, entry, 0) === 0) continue;
      withFile(syscalls, root.fd, entry, open.directory, (fd) => emptyRevision(syscalls, fd, status.dev));
      syscalls.unlinkat(root.fd, entry, AT_REMOVEDIR);
    }
  });
}

/** Empties a directory on the volume's own device; truncates only regular files there. */
function emptyRevision(syscalls: Syscalls, directoryFd: number, device: number): void {
  const names = isOn(syscalls, directoryFd, device, constants.S_IFDIR) ? syscalls.list(directoryFd) : [];
  if (typeof names === 'number') return;
  for (const name of names) {
    withFile(syscalls, directoryFd, name, open.write, (fd) => {
      if (isOn(syscalls, fd, device, constants.S_IFREG)) syscalls.ftruncate(fd, 0);
    });
    syscalls.unlinkat(directoryFd, name, 0);
  }
}

function isOn(syscalls: Syscalls, fd: number, device: number, type: number): boolean {
  const status = syscalls.fstat(fd);
  return typeof status !== 'number' && status.dev === device && (status.mode & constants.S_IFMT) === type;
}

/** Does nothing if the file cannot be opened. */
function withFile(
  syscalls: Syscalls,
  directoryFd: number,
  name: string,
  flags: number,
  use: (fd: number) => void,
): void {
  const fd = syscalls.openat(directoryFd, name, flags, 0);
  if (fd < 0) return;
  use(fd);
  syscalls.close(fd);
}
