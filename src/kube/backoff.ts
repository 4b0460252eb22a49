/**
 * Returns a fully random exponential delay. Clients that failed together retry spread over all of it, and over twice as
 * much after each further failure.
 * @param failures consecutive failures so far, at least 1.
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
}
