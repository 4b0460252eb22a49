import { driverLimits } from '../limits.ts';
import type { SharedFiles } from './deduplicate-files.ts';

/** The limits of a tmpfs: `size` and `nr_inodes`. */
export interface TmpfsLimits {
  readonly sizeBytes: number;
  readonly inodes: number;
}

/** Symbolic links of up to this length take no page (`SHORT_SYMLINK_LEN`, with the final NUL). */
const shortLinkBytes = 127;
/** `..data/` */
const linkPrefixBytes = 7;
/** The directory, `..data`, `..data_tmp`, and the directories of two revisions. */
const ownInodes = 5;

/**
 * Returns the limits of a tmpfs for two revisions of the files with the links to them, and for some files that a pod
 * keeps open after they were replaced. If the old and the new files both fit twice, one of each fits too, so a volume
 * can be rewritten with the larger of both limits. The kernel counts each name of a file as an inode.
 */
export function tmpfsLimitsOf({ contents, files }: SharedFiles, pageBytes: number): TmpfsLimits {
  const { sparePages, spareInodes } = driverLimits.volumeMemory;
  let pages = 0;
  for (const { content } of contents) pages += Math.ceil(content.length / pageBytes);
  for (const { name } of files) if (name.length + linkPrefixBytes > shortLinkBytes) pages += 1;
  return { sizeBytes: (2 * pages + sparePages) * pageBytes, inodes: 4 * files.length + ownInodes + spareInodes };
}

export function largerOf(a: TmpfsLimits, b: TmpfsLimits): TmpfsLimits {
  return { sizeBytes: Math.max(a.sizeBytes, b.sizeBytes), inodes: Math.max(a.inodes, b.inodes) };
}

export function isSameLimits(a: TmpfsLimits, b: TmpfsLimits): boolean {
  return a.sizeBytes === b.sizeBytes && a.inodes === b.inodes;
}

/** Returns the most memory that a tmpfs can use: its pages, and the kernel's memory for inodes and names. */
export function memoryOf({ sizeBytes, inodes }: TmpfsLimits): number {
  const { volumeBytes, inodeBytes } = driverLimits.volumeMemory;
  return sizeBytes + inodes * inodeBytes + volumeBytes;
}
