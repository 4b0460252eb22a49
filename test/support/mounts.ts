import fs from 'node:fs';
import koffi from 'koffi';

const MNT_DETACH = 2;
const umount2 = koffi.load(null).func('int umount2(str, int)') as (target: string, flags: number) => number;

/** The mounts at or below a directory, as lines of mountinfo. */
export function mountsBelow(directory: string): string[] {
  return fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4]?.startsWith(directory));
}

/** Their paths; what would end a field of mountinfo is written there as three octal digits. */
export function mountPathsBelow(directory: string): string[] {
  return mountsBelow(directory).map((line) => {
    const written = Buffer.from(line.split(' ')[4] ?? '').toString('latin1');
    const bytes = written.replace(/\\([0-7]{3})/g, (_whole, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    return Buffer.from(bytes, 'latin1').toString();
  });
}

export function unmountBelow(directory: string): void {
  for (const line of mountsBelow(directory).reverse()) umount2(line.split(' ')[4]!, MNT_DETACH);
}

export function unmount(target: string): void {
  if (umount2(target, 0) !== 0) throw new Error(`cannot unmount ${target}`);
}
