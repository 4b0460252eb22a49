/** Something under way that must get on. */
export interface Watched {
  /** Bytes moved so far, in whatever direction. */
  readonly movedBytes: () => number;
  /** Milliseconds without a byte that it is given now. */
  readonly patienceMs: () => number;
  /** Called once, when nothing has moved for so long. */
  readonly onStalled: () => void;
}

interface Entry extends Watched {
  seenBytes: number;
  seenMs: number;
}

/** Cuts peers that have gone mute: one look at everything under way each second, instead of a timer for each chunk. */
export class StallWatch {
  readonly #entries = new Set<Entry>();
  readonly #steadyNow: () => number;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(steadyNow: () => number, intervalMs = 1000) {
    this.#steadyNow = steadyNow;
    this.#intervalMs = intervalMs;
  }

  /** @returns ends the watch. */
  add(watched: Watched): () => void {
    const entry = { ...watched, seenBytes: watched.movedBytes(), seenMs: this.#steadyNow() };
    this.#entries.add(entry);
    this.#timer ??= setInterval(() => this.#look(), this.#intervalMs).unref();
    return () => {
      this.#entries.delete(entry);
      if (this.#entries.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  #look(): void {
    const nowMs = this.#steadyNow();
    for (const entry of this.#entries) {
      const moved = entry.movedBytes();
      if (moved !== entry.seenBytes) {
        entry.seenBytes = moved;
        entry.seenMs = nowMs;
      } else if (nowMs - entry.seenMs >= entry.patienceMs()) {
        this.#entries.delete(entry);
        entry.onStalled();
      }
    }
  }
}
