import { limits } from './defaults.ts';

/**
 * Returns the floor of a capacity, which a new holder gets whatever others use, and the part reserved for such holders.
 */
export function floorsOf(capacity: number): { readonly floor: number; readonly reserved: number } {
  const { share, holders } = limits.guaranteedShares;
  return { floor: capacity * share, reserved: capacity * share * holders };
}

/**
 * Returns the limit of one holder: `share` of the capacity that the others leave, without the reserved part. Up to the
 * floor the reserved part counts, too.
 *
 * A new holder gets the floor if fewer than `limits.guaranteedShares.holders` others have something and at most the floor.
 * Holders of more took the last of theirs when the reserved part was free, and do not get it later.
 */
export function dynamicShare(capacity: number, usedByOthers: number, share: number): number {
  const { floor, reserved } = floorsOf(capacity);
  const free = Math.max(0, capacity - usedByOthers);
  return Math.max(Math.min(floor, free), Math.min(free * share, free - reserved));
}
