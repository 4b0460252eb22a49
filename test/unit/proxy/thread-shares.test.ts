import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { neverAborted } from '../../support/domain.ts';

const { burst, everyMs, light, common, longestMs, handshakeMs } = proxyLimits.thread;

describe('the shares of the thread', () => {
  let nowMs: number;
  let cpuMs: number;
  let threads: ThreadShares;

  beforeEach(() => {
    nowMs = 0;
    cpuMs = 0;
    threads = new ThreadShares(
      () => nowMs,
      () => cpuMs,
    );
  });

  it('are charged what work takes, also if it fails, and nothing to others', () => {
    const work = (): void => {
      cpuMs += burst + 1;
      throw new Error('broken');
    };
    assert.throws(() => threads.measure('hostile', work), /broken/);
    assert.throws(() => threads.ensureFree('hostile', 'too much'), { status: 429, message: /^too much: try again/ });
    threads.ensureFree('ci', 'too much');
    nowMs = 2 * burst;
    threads.ensureFree('hostile', 'too much');
  });

  it('are waited for, unless that takes too long or the client leaves', async () => {
    const wait = (signal: AbortSignal): Promise<void> => threads.wait('hostile', 'too much', signal);
    threads.of('hostile').charge(burst + longestMs / everyMs + 1);
    await assert.rejects(wait(neverAborted), { status: 429, message: /^too much: try again/ });
    nowMs = 2 * everyMs;
    const leaving = new AbortController();
    const waiting = assert.rejects(wait(leaving.signal), { code: 'CANCELLED' });
    leaving.abort();
    await waiting;
    await threads.wait('ci', 'too much', neverAborted);
    nowMs += longestMs;
    await wait(neverAborted);
  });

  it('delay connections beyond them, each a little longer, and none that has closed', () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const begun: number[] = [];
    const socket = { destroyed: false };
    const hostile = threads.of('hostile');
    const begin = (at: number, on = socket): void => hostile.whenFree(handshakeMs, on, () => begun.push(at));
    for (let at = 0; at < light.burst + common.burst + 2; at += 1) begin(at);
    const atOnce = begun.length;
    assert.equal(atOnce, light.burst + common.burst + 2, 'each of both can be overdrawn by one');
    for (const at of [1, 2, 3]) begin(at);
    begin(4, { destroyed: true });
    threads.of('ci').whenFree(handshakeMs, socket, () => begun.push(5));
    assert.deepEqual(begun.slice(atOnce), [5], 'others do not wait');
    // The overdraft of both, then one more for each that has its turn.
    for (const expected of [[1], [1, 2], [1, 2, 3], [1, 2, 3]]) {
      nowMs += common.everyMs;
      mock.timers.tick(common.everyMs);
      assert.deepEqual(begun.slice(atOnce + 1), expected);
    }
    mock.timers.reset();
  });

  it('of all with much work are together half of the thread, and those with little never wait', () => {
    const many = Array.from({ length: 50 }, (_each, at) => threads.of(`hostile-${at}`));
    const ci = threads.of('ci');
    const [workMs, stepMs, endMs] = [20, 100, 120_000];
    let usedMs = 0;
    while (nowMs < endMs) {
      for (const hostile of many) {
        if (hostile.delayMs() > 0) continue;
        hostile.charge(workMs);
        usedMs += workMs;
      }
      nowMs += stepMs;
      ci.charge(stepMs / light.everyMs);
      assert.equal(ci.delayMs(), 0);
    }
    const lightMs = many.length * (light.burst + endMs / light.everyMs + workMs);
    assert.ok(usedMs <= common.burst + endMs / common.everyMs + workMs + lightMs, `${usedMs} ms`);
    assert.ok(usedMs >= endMs / common.everyMs, 'what nobody else needs is theirs');
  });

  it('are exhausted by what is charged beyond the longest wait', () => {
    const hostile = threads.of('hostile');
    hostile.charge(burst + longestMs / everyMs);
    assert.ok(!hostile.isExhausted);
    hostile.charge(1);
    assert.ok(hostile.isExhausted);
    nowMs += longestMs;
    assert.ok(!hostile.isExhausted);
  });
});
