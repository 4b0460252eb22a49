import koffi from 'koffi';

/** Binds malloc_trim(3). Another C library than glibc has no such call, and does not keep what was freed. */
export function loadMallocTrim(): () => void {
  try {
    const trim = koffi.load(null).func('int malloc_trim(size_t)') as (padBytes: number) => number;
    return () => void trim(0);
  } catch {
    return () => undefined;
  }
}

/**
 * Trims at intervals in which there were calls: glibc keeps what short connections have used, 20 MB after some hundreds.
 * @param calls how many there have been.
 * @returns stops it.
 */
export function trimAfterCalls(trim: () => void, calls: () => number, intervalMs: number): () => void {
  let seen: number | undefined;
  const timer = setInterval(() => {
    const total = calls();
    if (total !== seen) trim();
    seen = total;
  }, intervalMs).unref();
  return () => clearInterval(timer);
}
