type Stoppable = { stop(): unknown } | { close(): unknown } | { remove(): unknown };

const running: Stoppable[] = [];

afterEach(async () => {
  for (let last = running.pop(); last !== undefined; last = running.pop()) {
    if ('stop' in last) await last.stop();
    else await ('close' in last ? last.close() : last.remove());
  }
});

/** What is started or made before or in a test ends after it: the last first, and after the hooks of the suite. */
export function started<T extends Stoppable>(it: T): T {
  running.push(it);
  return it;
}
