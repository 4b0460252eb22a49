import { DriverError } from '../../errors.js';
import { limits } from '../../load/limits.js';
import type { SharedFiles } from './shared-contents.js';

/** A symbolic link of up to so many bytes takes no page (`SHORT_SYMLINK_LEN`, with the final NUL). */
const shortLinkBytes = 127;
/** `..data/` */
const linkPrefixBytes = 7;

/** Pages that the files take in the largest case: two generations that share nothing, and the links to them. */
export function pagesOf({ contents }: Pick<SharedFiles, 'contents'>, pageBytes: number): number {
  let pages = 0;
  for (const { content, names } of contents) {
    pages += 2 * Math.ceil(content.length / pageBytes);
    for (const name of names) if (name.length + linkPrefixBytes > shortLinkBytes) pages += 1;
  }
  return pages;
}

/** The size of a tmpfs that has room for two generations of anything that a volume may hold: 4 MiB with 4 KiB pages. */
export function largestVolumeBytes(pageBytes: number): number {
  const { files: maxFiles, bytes: maxBytes } = limits.volume;
  // Each file leaves up to a page unused, and has two links while its name changes.
  const pages = 2 * (Math.ceil(maxBytes / pageBytes) + maxFiles) + 2 * maxFiles;
  return pages * pageBytes;
}

/** What the volume may come to hold until it is written again, the kernel's part included. */
export function memoryOf(pages: number, pageBytes: number): number {
  return pages * pageBytes + limits.volumeMemory.kernelBytesPerVolume;
}

/** @throws {DriverError} RESOURCE_EXHAUSTED for a new volume that fits now, but could not be refreshed. */
export function ensureRefreshable(pages: number, pageBytes: number, sizeBytes: number): void {
  if (pages * pageBytes <= sizeBytes) return;
  throw new DriverError(
    'RESOURCE_EXHAUSTED',
    `the volume needs ${inKiB(pages * pageBytes)} for two generations of its files, in pages of ${inKiB(pageBytes)}, and has ` +
      `${inKiB(sizeBytes)}: select fewer configurations, or have --tmpfs-size of the driver raised`,
  );
}

function inKiB(bytes: number): string {
  return `${Math.ceil(bytes / 1024)} KiB`;
}
