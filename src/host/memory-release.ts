import koffi from 'koffi';

/**
 * Gives memory that the C library has kept after it was freed back to the kernel. glibc keeps what thousands of short
 * connections have used: 30 MB after a herd.
 * @returns undefined with another C library than glibc, which has no such call.
 */
export function loadMemoryRelease(): (() => void) | undefined {
  try {
    const trim = koffi.load(null).func('int malloc_trim(size_t)') as (pad: number) => number;
    return () => void trim(0);
  } catch {
    return undefined;
  }
}
