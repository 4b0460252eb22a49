import assert from 'node:assert/strict';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { ThreadShares } from '../../../src/proxy/thread-shares.ts';
import { neverAborted } from '../../support/domain.ts';

const { burst, everyMs, longestMs, handshakeMs } = proxyLimits.thread;

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
    nowMs = everyMs;
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

  it('delay handshakes beyond them, but none for ever', () => {
    for (let at = 0; at <= burst / handshakeMs; at += 1) assert.equal(threads.delayMs('hostile', handshakeMs), 0);
    assert.ok(threads.delayMs('hostile', handshakeMs) > 0);
    threads.of('hostile').charge(burst);
    assert.equal(threads.delayMs('hostile', handshakeMs), longestMs);
    assert.equal(threads.delayMs('ci', handshakeMs), 0);
  });
});
