import { existsSync, readFileSync } from 'node:fs';
import koffi from 'koffi';
import type { LibraryHandle } from 'koffi';
import { cleanFileMappings } from './memory-mappings.js';
import type { FileMapping, MemoryRange } from './memory-mappings.js';

/** <asm-generic/mman-common.h> */
const madvDontneed = 4;
/** Absent from kernels built without CONFIG_PROC_PAGE_MONITOR. */
const smaps = '/proc/self/smaps';

/**
 * Gives memory that the process does not need at rest back to the kernel:
 * 1. What the C library has kept after it was freed. glibc keeps what thousands of short connections have used: 30 MB
 *    after a herd. Another C library has no such call, and needs none.
 * 2. The pages of Node's program, of which a start touches 45 MB, and serving calls 10 MB. They are clean, so that the
 *    kernel only unmaps them; it keeps them in its page cache as long as it has room, and maps those that are used again.
 *    Only what is mapped now, while nothing else runs, is ever let go: a library that another thread is just loading (the
 *    C library loads some to resolve a host name) looks clean until it is relocated, and would lose its relocations. Nor is what is told to have no page in memory: there
 *    is nothing to give back, and where nobody counts pages (qemu's user mode tells 0 of every kind) clean means nothing.
 */
export function loadMemoryRelease(): () => void {
  const library = koffi.load(null);
  const trim = loadTrim(library);
  const madvise = library.func('int madvise(uint64_t, uint64_t, int)') as (
    address: bigint,
    lengthBytes: bigint,
    advice: number,
  ) => number;
  const atStart = new Set(cleanMappings().map(keyOf));
  return () => {
    trim?.(0);
    for (const mapping of cleanMappings()) {
      const { start, end, isResident } = mapping;
      if (isResident && atStart.has(keyOf(mapping))) madvise(start, end - start, madvDontneed);
    }
  };
}

function cleanMappings(): FileMapping[] {
  return existsSync(smaps) ? cleanFileMappings(readFileSync(smaps, 'utf8')) : [];
}

function keyOf({ start, end }: MemoryRange): string {
  return `${start}-${end}`;
}

function loadTrim(library: LibraryHandle): ((padBytes: number) => number) | undefined {
  try {
    return library.func('int malloc_trim(size_t)') as (padBytes: number) => number;
  } catch {
    return undefined;
  }
}
