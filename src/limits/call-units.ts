import { limits } from './defaults.js';

/** Returns the cost of a call: 1, plus 1 for every `limits.publishes.bytesPerUnit` bytes of its request. */
export function unitsOf(sizeBytes: number): number {
  return 1 + Math.floor(sizeBytes / limits.publishes.bytesPerUnit);
}
