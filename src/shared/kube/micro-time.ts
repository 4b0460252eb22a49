/** Formats a time as a Kubernetes MicroTime. @param ms since the epoch. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
