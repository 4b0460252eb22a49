/** A queue of keys with a due time each. An earlier time replaces a later one. */
export class DelayQueue {
  readonly #timers = new Map<string, { readonly timer: NodeJS.Timeout; readonly atMs: number }>();
  readonly #onDue: (key: string) => void;
  readonly #now: () => number;

  /** @param now a monotonic clock in milliseconds. */
  constructor(onDue: (key: string) => void, now: () => number) {
    this.#onDue = onDue;
    this.#now = now;
  }

  /** Schedules a key, unless it is due earlier. */
  addAfter(key: string, delayMs: number): void {
    const atMs = this.#now() + delayMs;
    const scheduled = this.#timers.get(key);
    if (scheduled !== undefined && scheduled.atMs <= atMs) return;
    clearTimeout(scheduled?.timer);
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.#onDue(key);
    }, delayMs).unref();
    this.#timers.set(key, { timer, atMs });
  }

  clear(): void {
    for (const { timer } of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
