import assert from 'node:assert/strict';
import { FailurePace } from '../../../src/load/failure-pace.js';
import { limits } from '../../../src/load/limits.js';

const { burst, everyMs, longestMs, units } = limits.failures;

describe('the pace of failures', () => {
  let pace: FailurePace;
  let call: AbortController;
  /** A clock that stands still: what is held is held until it is let go by hand. */
  beforeEach(() => {
    pace = new FailurePace({ now: () => 1000, random: () => 0 });
    call = new AbortController();
  });
  afterEach(() => pace.stop());

  const fail = async (podUid: string, times: number, sizeBytes = 0): Promise<number> => {
    let answered = 0;
    for (let time = 0; time < times; time += 1)
      void pace.hold({ podUid, sizeBytes }, call.signal).then(() => (answered += 1));
    await new Promise((resolve) => setImmediate(resolve));
    return answered;
  };

  it('holds none of the first ones of a pod, then all, and those of no other pod', async () => {
    assert.equal(await fail('a', burst + 10), burst);
    assert.equal(await fail('b', burst), burst);
    assert.equal(pace.use.used, 10);
  });

  it('comes back with time', async () => {
    let nowMs = 1000;
    pace = new FailurePace({ now: () => nowMs, random: () => 0 });
    assert.equal(await fail('a', burst + 1), burst);
    nowMs += 3 * everyMs;
    assert.equal(await fail('a', 4), 2);
  });

  it('holds nobody whose pod is not known', async () => {
    assert.equal(await fail('', burst + 10), burst + 10);
  });

  it('lets those go whose caller has gone, and all when it stops', async () => {
    const held = pace.hold.bind(pace);
    await fail('a', burst);
    const gone = held({ podUid: 'a', sizeBytes: 0 }, call.signal);
    const other = held({ podUid: 'a', sizeBytes: 0 }, new AbortController().signal);
    assert.equal(pace.use.used, 2);
    call.abort();
    await gone;
    assert.equal(pace.use.used, 1);
    pace.stop();
    await other;
    assert.equal(pace.use.used, 0);
    await held({ podUid: 'a', sizeBytes: 0 }, new AbortController().signal);
  });

  it('holds no more than what has its place in memory', async () => {
    const large = (units / 4) * limits.calls.bytesPerUnit;
    assert.equal(await fail('a', burst + 8, large), burst + 8 - 3);
    assert.ok(pace.use.used <= units);
  });

  it('answers the thousandth within its bound', async () => {
    const delays: number[] = [];
    const realSetTimeout = globalThis.setTimeout;
    globalThis.setTimeout = ((run: () => void, ms: number) => {
      delays.push(ms);
      return realSetTimeout(run, 60_000);
    }) as typeof setTimeout;
    try {
      await fail('a', 1000);
    } finally {
      globalThis.setTimeout = realSetTimeout;
    }
    assert.equal(delays.length, 1000 - burst);
    assert.equal(Math.max(...delays), longestMs);
    assert.equal(delays.at(-1), longestMs / 2);
  });
});
