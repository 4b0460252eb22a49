import fs from 'node:fs';
import { loadSyscalls } from '../../src/driver/host/linux-syscalls.js';

const MNT_DETACH = 2;

/** The mounts at or below a directory, as lines of mountinfo. */
export function mountsBelow(directory: string): string[] {
  return fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4]?.startsWith(directory));
}

export function unmountBelow(directory: string): void {
  const syscalls = loadSyscalls();
  for (const line of mountsBelow(directory).reverse()) syscalls.umount2(line.split(' ')[4]!, MNT_DETACH);
}
