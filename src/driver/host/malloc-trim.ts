import koffi from 'koffi';

/** Binds malloc_trim(3). C libraries other than glibc have no such call, and do not keep freed memory. */
export function loadMallocTrim(): () => void {
  try {
    const trim = koffi.load(null).func('int malloc_trim(size_t)') as (padBytes: number) => number;
    return () => void trim(0);
  } catch {
    return () => undefined;
  }
}

/**
 * Trims the heap at intervals in which there were calls: glibc keeps the memory of short connections, 20 MB after some
 * hundreds.
 * @param calls returns their total number.
 * @returns a function that stops it.
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
