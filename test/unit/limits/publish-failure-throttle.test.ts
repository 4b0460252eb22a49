import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import { CodedError } from '../../../src/errors.js';
import { PublishFailureThrottle } from '../../../src/limits/publish-failure-throttle.js';
import { limits } from '../../../src/limits/defaults.js';

const { burst, everyMs, longestMs, units } = limits.failedPublishes;
const failure = new CodedError('NOT_FOUND', 'it does not exist');

describe('the pace of failures', () => {
  let nowMs: number;
  let pace: PublishFailureThrottle;
  let caller: AbortController;
  let refused: string[];
  let attempts: number;
  let isMounted: boolean;
  /** The clock stands still: what is held is held until it is let go by hand. */
  beforeEach(() => {
    nowMs = 1000;
    refused = [];
    attempts = 0;
    isMounted = false;
    caller = new AbortController();
    setMaxListeners(0, caller.signal);
    pace = new PublishFailureThrottle({
      now: () => nowMs,
      random: () => 0,
      observer: { rejected: (bound, share, pod) => refused.push(`${bound} ${share} ${pod}`) },
    });
  });
  afterEach(() => pace.stop());

  const call = (podUid: string, outcome: 'fails' | 'succeeds', sizeBytes = 0): Promise<unknown> => {
    const rateLimited = {
      volumeId: `volume of ${podUid}`,
      podUid,
      pod: `ci/${podUid}`,
      sizeBytes,
      isMounted: () => isMounted,
    };
    const attempt = (): Promise<string> => {
      attempts += 1;
      return outcome === 'fails' ? Promise.reject(failure) : Promise.resolve('published');
    };
    return pace.run(rateLimited, caller.signal, attempt).catch((error: unknown) => error);
  };

  /** @returns how many have been answered, with what. */
  const calls = async (podUid: string, times: number, sizeBytes = 0): Promise<unknown[]> => {
    const answers: unknown[] = [];
    for (let time = 0; time < times; time += 1)
      void call(podUid, 'fails', sizeBytes).then((answer) => answers.push(answer));
    await new Promise((resolve) => setImmediate(resolve));
    return answers;
  };

  /** All of them fail before the next one comes. */
  const failOften = async (podUid: string): Promise<void> => {
    for (let time = 0; time < burst; time += 1) assert.equal(await call(podUid, 'fails'), failure);
  };

  /** Runs with timers that end when `fire` is called. */
  const withTimers = async (run: (delays: number[], fire: () => void) => Promise<void>): Promise<void> => {
    const { setTimeout: realSetTimeout } = globalThis;
    const due: (() => void)[] = [];
    const delays: number[] = [];
    globalThis.setTimeout = ((end: () => void, ms: number) => {
      delays.push(ms);
      due.push(end);
      return realSetTimeout(() => undefined, 0);
    }) as typeof setTimeout;
    try {
      await run(delays, () => due.splice(0).forEach((end) => end()));
    } finally {
      globalThis.setTimeout = realSetTimeout;
    }
  };

  it('holds none of the first ones of a pod, then all, and those of no other pod', async () => {
    assert.equal((await calls('a', burst + 10)).length, burst);
    assert.equal((await calls('b', burst)).length, burst);
    assert.equal(pace.use.used, 10);
  });

  it('does no work for a pod that is too fast, until its turn', async () => {
    await failOften('a');
    await withTimers(async (delays, fire) => {
      const held = [call('a', 'fails'), call('a', 'succeeds')];
      assert.equal(attempts, burst);
      assert.deepEqual(delays, [everyMs, 2 * everyMs]);
      fire();
      assert.deepEqual(await Promise.all(held), [failure, 'published']);
      assert.equal(attempts, burst + 2);
      // What has succeeded counts no more.
      void call('a', 'fails');
      assert.equal(delays[2], 2 * everyMs);
      fire();
    });
  });

  it('answers what would have to wait too long without having tried it', async () => {
    await failOften('a');
    await withTimers(async (delays, fire) => {
      const held = Array.from({ length: longestMs / everyMs + 1 }, () => call('a', 'fails'));
      assert.equal(Math.max(...delays), longestMs);
      assert.equal(delays.at(-1), longestMs / 2);
      fire();
      const answer = await held.at(-1);
      assert.ok(answer instanceof CodedError && answer.code === 'RESOURCE_EXHAUSTED', String(answer));
      assert.match(answer.message, /publishes of pod ci\/a failed .* not tried/);
      assert.deepEqual(refused, ['publishes pod ci/a']);
      assert.equal(attempts, burst + longestMs / everyMs);
    });
  });

  it('never holds what is mounted before it is tried', async () => {
    await failOften('a');
    isMounted = true;
    assert.equal(await call('a', 'succeeds'), 'published');
    assert.equal(pace.use.used, 0);
  });

  it('comes back with time', async () => {
    assert.equal((await calls('a', burst + 1)).length, burst);
    nowMs += 3 * everyMs;
    assert.equal((await calls('a', 4)).length, 2);
  });

  it('holds nobody whose pod is not known', async () => {
    assert.equal((await calls('', burst + 10)).length, burst + 10);
  });

  it('lets those go whose caller has gone, untried, and all when it stops', async () => {
    await failOften('a');
    const gone = call('a', 'succeeds');
    assert.equal(pace.use.used, 1);
    caller.abort(new CodedError('CANCELLED', 'the caller has gone'));
    assert.equal(((await gone) as CodedError).code, 'CANCELLED');
    assert.equal(pace.use.used, 0);
    caller = new AbortController();
    const other = call('a', 'succeeds');
    assert.equal(pace.use.used, 1);
    pace.stop();
    assert.equal(((await other) as CodedError).code, 'RESOURCE_EXHAUSTED');
    assert.equal(pace.use.used, 0);
    assert.equal(attempts, burst);
  });

  it('fails a call whose volume is unpublished meanwhile, untried, and no other call', async () => {
    await failOften('a');
    await failOften('b');
    const unpublished = call('a', 'succeeds');
    const other = call('b', 'fails');
    pace.cancel('volume of a');
    const answer = await unpublished;
    assert.ok(answer instanceof CodedError && answer.code === 'ABORTED', String(answer));
    assert.equal(attempts, 2 * burst);
    assert.equal(pace.use.used, 1);
    pace.stop();
    assert.equal(((await other) as CodedError).code, 'RESOURCE_EXHAUSTED');
  });

  it('holds no more than what has its place in memory, and does not try the rest', async () => {
    await failOften('a');
    const large = (units / 4) * limits.publishes.bytesPerUnit;
    const answers = await calls('a', 8, large);
    assert.equal(answers.length, 8 - 3);
    assert.ok(answers.every((answer) => answer instanceof CodedError && answer.code === 'RESOURCE_EXHAUSTED'));
    assert.ok(pace.use.used <= units);
    assert.equal(attempts, burst);
  });
});
