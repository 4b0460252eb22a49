import type { VolumeFile } from '../publish/ports.ts';
import { check, checkValue, closing, openDirectory } from './directory.ts';
import type { Directory } from './directory.ts';
import { errno } from './errno.ts';
import { hasFileMode, setFileMode } from './file-mode.ts';
import type { FileMode } from './file-mode.ts';
import type { SharedFiles } from './deduplicate-files.ts';
import { AT_REMOVEDIR, open } from './syscalls.ts';
import type { Syscalls } from './syscalls.ts';

/** An existing revision compared with the wanted files: the names of unchanged ones. */
export interface Comparison {
  readonly directory: Directory;
  readonly sameNames: ReadonlySet<string>;
  /** Whether it has all wanted files, and nothing else. */
  readonly isSame: boolean;
}

export function compareRevision(
  syscalls: Syscalls,
  directory: Directory,
  { files, contents }: SharedFiles,
  permissions: FileMode,
): Comparison {
  const status = checkValue(syscalls.fstat(directory.fd), 'fstat', directory);
  const count = checkValue(syscalls.list(directory.fd), 'getdents', directory).length;
  const sameNames = new Set<string>();
  for (const { content, names } of contents) {
    for (const name of names) if (isFile(syscalls, directory, { name, content }, permissions)) sameNames.add(name);
  }
  const isSame =
    hasFileMode(status, permissions.directoryMode, permissions.gid) &&
    count === files.length &&
    sameNames.size === files.length;
  return { directory, sameNames, isSame };
}

/**
 * Creates a complete revision: a flat directory with its files, owner and modes final, not yet reachable by name.
 *
 * Names with equal content share one file, and unchanged files of the previous revision are linked, because a volume's
 * pages stay charged to the driver's container. A file never changes once its revision is complete, so sharing it is
 * safe: other modes or another group need another file.
 */
export function writeRevision(
  syscalls: Syscalls,
  root: Directory,
  name: string,
  { contents }: SharedFiles,
  permissions: FileMode,
  previous?: Comparison,
): void {
  closing(syscalls, openDirectory(syscalls, root, name, open.directory), (directory) => {
    setFileMode(syscalls, directory.fd, permissions.directoryMode, permissions.gid, directory);
    for (const { content, names } of contents) {
      const old = names.find((candidate) => previous?.sameNames.has(candidate) === true);
      const [first = '', ...others] = names;
      if (previous !== undefined && old !== undefined) link(syscalls, previous.directory, old, directory, first);
      else writeFile(syscalls, directory, { name: first, content }, permissions);
      for (const other of others) link(syscalls, directory, first, directory, other);
    }
  });
}

function link(syscalls: Syscalls, from: Directory, old: string, to: Directory, name: string): void {
  check(syscalls.linkat(from.fd, old, to.fd, name), 'linkat', to, name);
}

function writeFile(syscalls: Syscalls, directory: Directory, file: VolumeFile, permissions: FileMode): void {
  const { fileMode, gid } = permissions;
  const fd = check(syscalls.openat(directory.fd, file.name, open.create, fileMode), 'openat', directory, file.name);
  try {
    let rest = file.content;
    while (rest.length > 0) rest = rest.subarray(check(syscalls.write(fd, rest), 'write', directory, file.name));
    setFileMode(syscalls, fd, fileMode, gid, directory, file.name);
  } finally {
    syscalls.close(fd);
  }
}

/** Removes an entry of the directory: a revision, complete or not, a link, or a foreign entry (one level). */
export function removeEntry(syscalls: Syscalls, root: Directory, name: string): void {
  const unlinked = syscalls.unlinkat(root.fd, name, 0);
  if (unlinked === -errno.ENOENT) return;
  if (unlinked !== -errno.EISDIR) {
    check(unlinked, 'unlinkat', root, name);
    return;
  }
  closing(syscalls, openDirectory(syscalls, root, name, open.directory), (directory) => {
    for (const entry of checkValue(syscalls.list(directory.fd), 'getdents', directory)) {
      check(syscalls.unlinkat(directory.fd, entry, 0), 'unlinkat', directory, entry);
    }
  });
  check(syscalls.unlinkat(root.fd, name, AT_REMOVEDIR), 'unlinkat', root, name);
}

/** Reports whether the directory has this file, with these bytes, mode and group. */
function isFile(syscalls: Syscalls, directory: Directory, file: VolumeFile, permissions: FileMode): boolean {
  const fd = syscalls.openat(directory.fd, file.name, open.read, 0);
  if (fd === -errno.ENOENT || fd === -errno.ELOOP) return false;
  check(fd, 'openat', directory, file.name);
  try {
    const status = checkValue(syscalls.fstat(fd), 'fstat', directory, file.name);
    return (
      status.size === file.content.length &&
      hasFileMode(status, permissions.fileMode, permissions.gid) &&
      hasContent(syscalls, fd, file, directory)
    );
  } finally {
    syscalls.close(fd);
  }
}

function hasContent(syscalls: Syscalls, fd: number, file: VolumeFile, directory: Directory): boolean {
  const actual = Buffer.allocUnsafe(file.content.length);
  let length = 0;
  while (length < actual.length) {
    const count = check(syscalls.read(fd, actual.subarray(length)), 'read', directory, file.name);
    if (count === 0) return false;
    length += count;
  }
  return actual.equals(file.content);
}
