/**
 * Exponential delay, all of it random: clients that have failed together come back spread over the whole of it, and over
 * twice as much after each further failure.
 * @param failures failures in a row so far, at least 1.
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: () => number): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
}
