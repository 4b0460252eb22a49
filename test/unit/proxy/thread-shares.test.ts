import assert from 'node:assert/strict';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { neverAborted } from '../../support/domain.ts';
import { eventually } from '../../support/poll.ts';

const { burst, everyMs, light, common, longestMs } = proxyLimits.thread;

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

  it('are kept for a namespace, whatever addresses come', () => {
    threads.of('hostile').charge(burst + 1);
    for (let at = 0; at < 5_000; at += 1) {
      threads.of(`address 10.0.${at >> 8}.${at & 255}`);
      threads.of(`fd00::${at.toString(16)}`);
    }
    assert.ok(threads.of('hostile').delayMs() > 0);
    // Of namespaces the one that was used least recently goes.
    for (let at = 0; at < 5_000; at += 1) {
      threads.of(`namespace-${at}`);
      threads.of('hostile');
    }
    assert.ok(threads.of('hostile').delayMs() > 0);
    // Also if all that it gets are refusals.
    threads.of('refused').charge(burst + longestMs / everyMs + 1);
    for (let at = 0; at < 5_000; at += 1) {
      threads.of(`other-${at}`);
      threads.isExhausted('refused');
    }
    assert.ok(threads.isExhausted('refused'));
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

  it('let connections wait while they are overdrawn, then begin one in a turn of the event loop', async () => {
    const begun: number[] = [];
    const hostile = threads.of('hostile');
    const begin = (at: number): void => {
      begun.push(at);
      if (at < 3) hostile.charge(common.burst + 2);
    };
    // Its own part, which can be overdrawn, and that of all.
    for (let count = 0; count < 3; count += 1) begin(0);
    const stops = [1, 2, 3, 4].map((at) => hostile.whenFree(() => begin(at)));
    stops[2]?.();
    threads.of('ci').whenFree(() => void begun.push(-1));
    assert.deepEqual(begun, [0, 0, 0, -1], 'others do not wait');
    for (const expected of [[1], [1, 2], [1, 2, 4]]) {
      nowMs += 2 * burst;
      await eventually('one has begun', () => begun.length === 4 + expected.length);
      assert.deepEqual(begun.slice(4), expected);
    }
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
    assert.ok(!threads.isExhausted('hostile'));
    hostile.charge(1);
    assert.ok(threads.isExhausted('hostile'));
    nowMs += longestMs;
    assert.ok(!threads.isExhausted('hostile'));
  });
});
