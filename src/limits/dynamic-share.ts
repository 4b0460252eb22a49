import { limits } from './defaults.js';

/** Of a capacity: what a holder of nothing gets whatever others hold, and what is kept for such holders. */
export function floorsOf(capacity: number): { readonly floor: number; readonly reserved: number } {
  const { share, holders } = limits.floors;
  return { floor: capacity * share, reserved: capacity * share * holders };
}

/**
 * The most that one holder can have of a capacity: `share` of what the others leave, but nothing of the part that is
 * reserved, unless it is at most the floor.
 *
 * So a holder of nothing gets the floor as long as fewer than `limits.floors.holders` others hold something and at most the
 * floor: holders of more than it took the last of theirs when the reserved part was free, and do not get it later.
 */
export function dynamicShare(capacity: number, heldByOthers: number, share: number): number {
  const { floor, reserved } = floorsOf(capacity);
  const free = Math.max(0, capacity - heldByOthers);
  return Math.max(Math.min(floor, free), Math.min(free * share, free - reserved));
}
