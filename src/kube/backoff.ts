/**
 * Exponential delay with half of it random, so that many clients that failed together do not return together.
 * @param failures failures in a row so far, at least 1.
 */
export function backoffMs(failures: number, baseMs: number, capMs: number, random: () => number): number {
  const full = Math.min(capMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + (random() * full) / 2;
}
