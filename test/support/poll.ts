/** Longest pause between two looks: many conditions are calls, which would take the processor from what they wait for. */
const maxPauseMs = 20;

/**
 * Waits until the condition holds. It is looked at more rarely the longer it takes.
 * @param what is waited for; a function is called when the time is over.
 * @throws when it does not within the time.
 */
export async function eventually(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const startMs = Date.now();
  while (!(await condition())) {
    const waitedMs = Date.now() - startMs;
    if (waitedMs > timeoutMs)
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(maxPauseMs, 2 + waitedMs / 10)));
  }
}
