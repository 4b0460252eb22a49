/** A transfer in flight that must make progress. */
export interface MonitoredTransfer {
  /** Bytes moved so far in both directions. */
  movedBytes(): number;
  /** Current idle timeout in milliseconds; 0 ends the transfer even if it moves bytes. */
  idleTimeoutMs(): number;
  /** Called once, when the timeout has passed without a byte. */
  onStalled(): void;
}

interface Entry {
  readonly transfer: MonitoredTransfer;
  seenBytes: number;
  seenMs: number;
}

/** Ends transfers whose peers have stopped. One check of all transfers per second replaces a timer reset per chunk. */
export class IdleTimeoutMonitor {
  readonly #entries = new Set<Entry>();
  readonly #monotonicNow: () => number;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(monotonicNow: () => number, intervalMs = 1000) {
    this.#monotonicNow = monotonicNow;
    this.#intervalMs = intervalMs;
  }

  /** Adds a transfer. @returns a function that removes it. */
  add(transfer: MonitoredTransfer): () => void {
    const entry = { transfer, seenBytes: transfer.movedBytes(), seenMs: this.#monotonicNow() };
    this.#entries.add(entry);
    this.#timer ??= setInterval(() => this.#check(), this.#intervalMs).unref();
    return () => void this.#entries.delete(entry);
  }

  #check(): void {
    if (this.#entries.size === 0) {
      // The timer is stopped only here, because small requests come and go many times between two checks.
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const nowMs = this.#monotonicNow();
    for (const entry of this.#entries) {
      const { transfer } = entry;
      const moved = transfer.movedBytes();
      const timeoutMs = transfer.idleTimeoutMs();
      if (moved !== entry.seenBytes && timeoutMs > 0) {
        entry.seenBytes = moved;
        entry.seenMs = nowMs;
      } else if (nowMs - entry.seenMs >= timeoutMs) {
        this.#entries.delete(entry);
        transfer.onStalled();
      }
    }
  }
}
