/** Something under way that must get on. */
export interface MonitoredTransfer {
  /** Bytes moved so far, in whatever direction. */
  movedBytes(): number;
  /** Milliseconds without a byte that it is given now; 0: none, whatever it moves. */
  idleTimeoutMs(): number;
  /** Called once, when nothing has moved for so long. */
  onStalled(): void;
}

interface Entry {
  readonly watched: MonitoredTransfer;
  seenBytes: number;
  seenMs: number;
}

/** Cuts peers that have gone mute: one look at everything under way each second, instead of a timer for each chunk. */
export class IdleTimeoutMonitor {
  readonly #entries = new Set<Entry>();
  readonly #monotonicNow: () => number;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(monotonicNow: () => number, intervalMs = 1000) {
    this.#monotonicNow = monotonicNow;
    this.#intervalMs = intervalMs;
  }

  /** @returns ends the watch. */
  add(watched: MonitoredTransfer): () => void {
    const entry = { watched, seenBytes: watched.movedBytes(), seenMs: this.#monotonicNow() };
    this.#entries.add(entry);
    this.#timer ??= setInterval(() => this.#look(), this.#intervalMs).unref();
    return () => void this.#entries.delete(entry);
  }

  #look(): void {
    if (this.#entries.size === 0) {
      // Only now: small requests come and go many times between two looks.
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    const nowMs = this.#monotonicNow();
    for (const entry of this.#entries) {
      const { watched } = entry;
      const moved = watched.movedBytes();
      const patienceMs = watched.idleTimeoutMs();
      if (moved !== entry.seenBytes && patienceMs > 0) {
        entry.seenBytes = moved;
        entry.seenMs = nowMs;
      } else if (nowMs - entry.seenMs >= patienceMs) {
        this.#entries.delete(entry);
        watched.onStalled();
      }
    }
  }
}
