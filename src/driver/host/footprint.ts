import { CodedError } from '../../errors.js';
import { limits } from '../../limits/defaults.js';
import type { SharedFiles } from './deduplicate-files.js';

/** Size of one file, and its names. */
export interface ContentSize {
  readonly sizeBytes: number;
  readonly names: readonly string[];
}

/** Symbolic links of up to this length take no page (`SHORT_SYMLINK_LEN`, with the final NUL). */
const shortLinkBytes = 127;
/** `..data/` */
const linkPrefixBytes = 7;
/** Names of up to this length take no further memory (`DNAME_INLINE_LEN`, 32 or more, with the final NUL). */
const inlineNameBytes = 31;
/** Pages per node of the kernel's page tree (`XA_CHUNK_SIZE`). A file of one page needs none. */
const pagesPerNode = 64;

export function contentSizesOf({ contents }: Pick<SharedFiles, 'contents'>): readonly ContentSize[] {
  return contents.map(({ content, names }) => ({ sizeBytes: content.length, names }));
}

/** Returns the maximum of pages that the files use: two revisions without common files, and the links to them. */
export function pagesOf(contents: readonly ContentSize[], pageBytes: number): number {
  let pages = 0;
  for (const { sizeBytes, names } of contents) {
    pages += 2 * Math.ceil(sizeBytes / pageBytes);
    for (const name of names) if (name.length + linkPrefixBytes > shortLinkBytes) pages += 1;
  }
  return pages;
}

/** Returns the size of a tmpfs for two revisions of the largest permitted volume: 4 MiB with 4 KiB pages. */
export function largestVolumeBytes(pageBytes: number): number {
  const { files: maxFiles, bytes: maxBytes } = limits.volume;
  // Each file leaves up to a page unused, and has two links while its name changes.
  const pages = 2 * (Math.ceil(maxBytes / pageBytes) + maxFiles) + 2 * maxFiles;
  return pages * pageBytes;
}

/** Returns the memory that a volume can use until its next write: its pages, and the kernel's further memory. */
export function memoryOf(contents: readonly ContentSize[], pageBytes: number): number {
  return pagesOf(contents, pageBytes) * pageBytes + kernelBytesOf(contents, pageBytes);
}

/** Returns the kernel's memory for a volume without its pages, for two revisions without common files. */
export function kernelBytesOf(contents: readonly ContentSize[], pageBytes: number): number {
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

/** Rejects a new volume that fits now but could not be refreshed. @throws {CodedError} RESOURCE_EXHAUSTED. */
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
