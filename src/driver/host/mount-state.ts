import { DriverError } from '../../errors.js';
import type { TargetState } from '../volume/ports.js';
import { openCurrentGeneration } from './atomic-writer.js';
import { check, checkValue, closing } from './directory.js';
import type { Directory } from './directory.js';
import { errno } from './errno.js';
import { open, TMPFS_MAGIC } from './syscalls.js';
import type { Syscalls } from './syscalls.js';
import type { Target } from './target-path.js';

/**
 * What is at a target, in a fixed number of system calls: a mount has another device than the directory it is mounted
 * in. (The mount table would tell more, but it grows with every pod of the node.)
 */
export function inspectTarget(syscalls: Syscalls, target: Target): TargetState {
  const fd = syscalls.openat(target.parent.fd, target.name, open.place, 0);
  if (fd === -errno.ENOENT) return 'absent';
  if (fd === -errno.ENOTDIR || fd === -errno.ELOOP) {
    throw new DriverError('INTERNAL', `${target.path} is not a directory`);
  }
  check(fd, 'openat', target.parent, target.name);
  return closing(syscalls, { fd, path: target.path }, (directory) => stateOf(syscalls, target.parent, directory));
}

function stateOf(syscalls: Syscalls, parent: Directory, directory: Directory): TargetState {
  if (deviceOf(syscalls, directory) === deviceOf(syscalls, parent)) return 'unmounted';
  if (checkValue(syscalls.fstatfs(directory.fd), 'statfs', directory).type !== TMPFS_MAGIC) return 'foreign';
  const generation = openCurrentGeneration(syscalls, directory);
  if (generation === undefined) return 'incomplete';
  syscalls.close(generation.fd);
  return 'published';
}

function deviceOf(syscalls: Syscalls, directory: Directory): number {
  return checkValue(syscalls.fstat(directory.fd), 'fstat', directory).dev;
}
