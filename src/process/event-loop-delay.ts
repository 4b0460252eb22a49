/**
 * Whether the event loop comes round: once a second, how late a timer was. A stall of half a second is seen by every
 * second look, so what happens often is seen soon; and a process that sleeps is woken no more than once a second for it.
 */
export class EventLoopDelay {
  readonly #observe: (seconds: number) => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(observe: (seconds: number) => void) {
    this.#observe = observe;
  }

  start(): void {
    let dueMs = performance.now() + intervalMs;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#observe(Math.max(0, nowMs - dueMs) / 1000);
      dueMs = nowMs + intervalMs;
    }, intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

const intervalMs = 1000;
