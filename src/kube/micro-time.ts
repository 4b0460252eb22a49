/** A time as Kubernetes' MicroTime has it. @param ms since the epoch. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
