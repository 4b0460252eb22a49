import { CodedError } from '../../errors.js';
import { limits } from '../../limits/defaults.js';
import type { SharedFiles } from './deduplicate-files.js';

/** Bytes that a volume holds once, and the names that they have. */
export interface HeldContent {
  readonly sizeBytes: number;
  readonly names: readonly string[];
}

/** A symbolic link of up to so many bytes takes no page (`SHORT_SYMLINK_LEN`, with the final NUL). */
const shortLinkBytes = 127;
/** `..data/` */
const linkPrefixBytes = 7;
/** Names of up to so many bytes take no memory of their own (`DNAME_INLINE_LEN`, 32 or more, with the final NUL). */
const inlineNameBytes = 31;
/** Pages of a file that one node of the kernel's tree leads to (`XA_CHUNK_SIZE`). A file of one page needs none. */
const pagesPerNode = 64;

export function heldContentsOf({ contents }: Pick<SharedFiles, 'contents'>): readonly HeldContent[] {
  return contents.map(({ content, names }) => ({ sizeBytes: content.length, names }));
}

/** Pages that the files take in the largest case: two revisions that share nothing, and the links to them. */
export function pagesOf(contents: readonly HeldContent[], pageBytes: number): number {
  let pages = 0;
  for (const { sizeBytes, names } of contents) {
    pages += 2 * Math.ceil(sizeBytes / pageBytes);
    for (const name of names) if (name.length + linkPrefixBytes > shortLinkBytes) pages += 1;
  }
  return pages;
}

/** The size of a tmpfs that has room for two revisions of anything that a volume may hold: 4 MiB with 4 KiB pages. */
export function largestVolumeBytes(pageBytes: number): number {
  const { files: maxFiles, bytes: maxBytes } = limits.volume;
  // Each file leaves up to a page unused, and has two links while its name changes.
  const pages = 2 * (Math.ceil(maxBytes / pageBytes) + maxFiles) + 2 * maxFiles;
  return pages * pageBytes;
}

/** The memory that a volume can use until it is written again: its pages, and what the kernel keeps beside them. */
export function memoryOf(contents: readonly HeldContent[], pageBytes: number): number {
  return pagesOf(contents, pageBytes) * pageBytes + kernelBytesOf(contents, pageBytes);
}

/** Memory that the kernel keeps of a volume beside its pages, with two revisions that share nothing. */
export function kernelBytesOf(contents: readonly HeldContent[], pageBytes: number): number {
  const { volumeBytes, inodeBytes, entryBytes, longNameBytes, nodeBytes } = limits.volumeMemory.kernel;
  let bytes = volumeBytes;
  for (const { sizeBytes, names } of contents) {
    bytes += 2 * (inodeBytes + nodesOf(Math.ceil(sizeBytes / pageBytes)) * nodeBytes);
    // An entry in each revision, and the link at the top.
    for (const name of names) {
      bytes += 3 * entryBytes + inodeBytes + (name.length > inlineNameBytes ? longNameBytes : 0);
    }
  }
  return bytes;
}

function nodesOf(pages: number): number {
  if (pages <= 1) return 0;
  return pages <= pagesPerNode ? 1 : Math.ceil(pages / pagesPerNode) + 1;
}

/** @throws {CodedError} RESOURCE_EXHAUSTED for a new volume that fits now, but could not be refreshed. */
export function ensureRefreshable(pages: number, pageBytes: number, sizeBytes: number): void {
  if (pages * pageBytes <= sizeBytes) return;
  throw new CodedError(
    'RESOURCE_EXHAUSTED',
    `the volume needs ${inKiB(pages * pageBytes)} for two revisions of its files, in pages of ${inKiB(pageBytes)}, and has ` +
      `${inKiB(sizeBytes)}: select fewer configurations, or have --tmpfs-size of the driver raised`,
  );
}

function inKiB(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
