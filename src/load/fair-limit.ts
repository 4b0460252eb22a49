/**
 * How much of a room one holder may have: a part of what the others leave. So the last bit is never taken, each who comes
 * finds something, and who has the room for himself is bounded by his share alone.
 */
export function fairLimit(capacity: number, heldByOthers: number, share: number): number {
  return Math.max(0, capacity - heldByOthers) * share;
}
