import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.ts';
import { FailureRateLimiter } from '../../../src/proxy/failure-rate-limiter.ts';

const limits = { burst: 4, everyMs: 20, longestMs: 1_000 };
const never = new AbortController().signal;

describe('the pace of questions', () => {
  let nowMs: number;
  let pace: FailureRateLimiter;
  /** Ends what is being asked, in order: with whether it was worth it. */
  let underWay: ((isWorth: boolean) => void)[];
  beforeEach(() => {
    nowMs = 1000;
    pace = new FailureRateLimiter(limits, () => nowMs);
    underWay = [];
  });

  const isWorth = (answer: boolean): boolean => answer;
  const ask = (name: string, signal = never): ReturnType<typeof pace.run<boolean>> =>
    pace.run(name, () => new Promise<boolean>((resolve) => underWay.push(resolve)), isWorth, 'too many', signal);
  const answered = (name: string, answer: boolean): ReturnType<typeof pace.run<boolean>> =>
    pace.run(name, () => Promise.resolve(answer), isWorth, 'too many', never);
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('lets as many be under way as may come to nothing, and others when they were worth it', async () => {
    const all = Array.from({ length: 6 }, () => ask('a'));
    await settled();
    assert.equal(underWay.length, 4);
    for (const end of underWay.splice(0)) end(true);
    await eventually('the others run', () => underWay.length === 2);
    for (const end of underWay) end(true);
    assert.deepEqual(await Promise.all(all), Array(6).fill(true));
  });

  it('slows down whoever asks for nothing, and nobody else', async () => {
    for (let time = 0; time < 4; time += 1) assert.equal(await answered('a', false), false);
    let isAsked = false;
    const late = answered('a', true).then(() => (isAsked = true));
    await settled();
    assert.equal(isAsked, false);
    assert.equal(await answered('b', true), true);
    nowMs += limits.everyMs;
    await late;
  });

  it('does not ask if it would have to wait for too long', async () => {
    pace = new FailureRateLimiter({ ...limits, everyMs: limits.longestMs + 1 }, () => nowMs);
    for (let time = 0; time < 4; time += 1) await answered('a', false);
    await assert.rejects(ask('a'), { status: 429, message: /^too many: try again/ });
    assert.equal(underWay.length, 0);
  });

  it('does not ask for those who have gone meanwhile', async () => {
    for (let time = 0; time < 4; time += 1) await answered('a', false);
    const caller = new AbortController();
    const late = ask('a', caller.signal);
    caller.abort();
    nowMs += limits.everyMs;
    await assert.rejects(late);
    assert.equal(underWay.length, 0);
  });

  it('does not count what failed, and remembers those who asked last', async () => {
    const fail = (): Promise<unknown> =>
      pace.run('a', () => Promise.reject(new Error('away')), isWorth, 'too many', never).catch(() => undefined);
    for (let time = 0; time < 9; time += 1) await fail();
    for (let time = 0; time < 4; time += 1) await answered('a', false);
    for (let at = 0; at < 4096; at += 1) await answered(`other ${at}`, true);
    // Forgotten, so it begins anew.
    assert.equal(await answered('a', false), false);
  });
});
