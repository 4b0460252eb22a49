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
  /** Position in the list; -1 once it is removed. */
  at: number;
  seenBytes: number;
  seenMs: number;
}

/**
 * Ends transfers whose peers have stopped. One check of all transfers per second replaces a timer reset per chunk.
 *
 * The list is an array, because a Set keeps what it had (docs/dev/decisions/0033).
 */
export class IdleTimeoutMonitor {
  readonly #entries: Entry[] = [];
  readonly #monotonicNow: () => number;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(monotonicNow: () => number, intervalMs = 1000) {
    this.#monotonicNow = monotonicNow;
    this.#intervalMs = intervalMs;
  }

  /** Adds a transfer. @returns a function that removes it. */
  add(transfer: MonitoredTransfer): () => void {
    const at = this.#entries.length;
    const entry: Entry = { transfer, at, seenBytes: transfer.movedBytes(), seenMs: this.#monotonicNow() };
    this.#entries.push(entry);
    this.#timer ??= setInterval(() => this.#check(), this.#intervalMs).unref();
    return () => this.#remove(entry);
  }

  /** Puts the last entry into the place of this one. */
  #remove(entry: Entry): void {
    if (entry.at === -1) return;
    const last = this.#entries.pop();
    if (last !== undefined && last !== entry) {
      this.#entries[entry.at] = last;
      last.at = entry.at;
    }
    entry.at = -1;
  }

  #check(): void {
    if (this.#entries.length === 0) {
      // The timer is stopped only here, because small requests come and go many times between two checks.
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const nowMs = this.#monotonicNow();
    // Removals move entries.
    for (const entry of [...this.#entries]) {
      if (entry.at === -1) continue;
      const { transfer } = entry;
      const moved = transfer.movedBytes();
      const timeoutMs = transfer.idleTimeoutMs();
      if (moved !== entry.seenBytes && timeoutMs > 0) {
        entry.seenBytes = moved;
        entry.seenMs = nowMs;
      } else if (nowMs - entry.seenMs >= timeoutMs) {
        this.#remove(entry);
        transfer.onStalled();
      }
    }
  }
}
