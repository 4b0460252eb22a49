/**
 * Measures the delay of the event loop: once a second, how late a timer fires. Every second sample notices a stall of
 * half a second, so frequent stalls are found soon. A sleeping process is woken only once a second.
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
