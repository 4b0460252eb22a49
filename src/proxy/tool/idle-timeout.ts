/** A transfer in flight that must make progress. */
export interface Transfer {
  /** Bytes moved so far in both directions. */
  movedBytes(): number;
  /** Current idle timeout in milliseconds; 0 ends the transfer even if it moves bytes. */
  idleTimeoutMs(): number;
  /** Called once, when the timeout has passed without a byte. */
  onStalled(): void;
}

/**
 * Ends a transfer whose peers have stopped. One look per second replaces a timer that each chunk resets.
 * @param monotonicNow a monotonic clock in milliseconds.
 * @returns a function that ends the watch.
 */
export function watchIdle(transfer: Transfer, monotonicNow: () => number, intervalMs = 1000): () => void {
  let seenBytes = transfer.movedBytes();
  let seenMs = monotonicNow();
  const timer = setInterval(() => {
    const moved = transfer.movedBytes();
    const timeoutMs = transfer.idleTimeoutMs();
    if (moved !== seenBytes && timeoutMs > 0) {
      seenBytes = moved;
      seenMs = monotonicNow();
    } else if (monotonicNow() - seenMs >= timeoutMs) {
      clearInterval(timer);
      transfer.onStalled();
    }
  }, intervalMs);
  return () => clearInterval(timer);
}
