/**
 * Returns a delay that doubles with each failure, up to a cap.
 * @param failures consecutive failures so far, at least 1.
 */
export function doublingMs(failures: number, baseMs: number, capMs: number): number {
  return Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
}

/**
 * Returns a fully random exponential delay. Clients that failed together retry spread over all of it, and over twice as
 * much after each further failure.
 * @param failures consecutive failures so far, at least 1.
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: () => number): number {
  return random() * doublingMs(failures, baseMs, capMs);
}
