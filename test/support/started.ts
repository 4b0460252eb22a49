interface Stoppable {
  stop(): unknown;
}

const running: Stoppable[] = [];

afterEach(async () => {
  for (let last = running.pop(); last !== undefined; last = running.pop()) await last.stop();
});

/** What is started before or in a test is stopped after it: the last first, and after the hooks of the suite. */
export function started<T extends Stoppable>(it: T): T {
  running.push(it);
  return it;
}
