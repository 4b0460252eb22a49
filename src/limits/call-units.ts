import { limits } from './defaults.js';

/** What a call with a request of so many bytes counts for. */
export function unitsOf(sizeBytes: number): number {
  return 1 + Math.floor(sizeBytes / limits.calls.bytesPerUnit);
}
