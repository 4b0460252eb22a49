const intervalMs = 1000;

/**
 * Measures the delay of the event loop: once a second, how late a timer fires. Every second sample notices a stall of
 * half a second, so frequent stalls are found soon. A sleeping process is woken only once a second.
 * @returns a function that stops it.
 */
export function measureEventLoopDelay(observe: (seconds: number) => void): () => void {
  let dueMs = performance.now() + intervalMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    observe(Math.max(0, nowMs - dueMs) / 1000);
    dueMs = nowMs + intervalMs;
  }, intervalMs).unref();
  return () => clearInterval(timer);
}
