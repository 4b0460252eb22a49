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

  it('are reserved for what begins at once, and the rest is given back', async () => {
    const reserve = (): Promise<() => void> => threads.reserve('hostile', burst / 4, 'too much', neverAborted);
    const refunds = [await reserve(), await reserve(), await reserve(), await reserve()];
    threads.of('hostile').charge(longestMs / everyMs + 1);
    await assert.rejects(reserve(), { status: 429 });
    for (const refund of refunds) refund();
    (await reserve())();
  });

  it('are given back where the client leaves before its turn', async () => {
    threads.of('hostile').charge(burst + 1);
    const leaving = new AbortController();
    const waiting = assert.rejects(threads.reserve('hostile', burst, 'too much', leaving.signal), {
      code: 'CANCELLED',
    });
    leaving.abort();
    await waiting;
    nowMs = everyMs;
    assert.equal(threads.of('hostile').delayMs(0), 0);
  });

  it('delay handshakes beyond them, but none for ever', () => {
    for (let at = 0; at <= burst / handshakeMs; at += 1) assert.equal(threads.handshakeDelayMs('hostile'), 0);
    assert.ok(threads.handshakeDelayMs('hostile') > 0);
    threads.of('hostile').charge(burst);
    assert.equal(threads.handshakeDelayMs('hostile'), longestMs);
    assert.equal(threads.handshakeDelayMs('ci'), 0);
  });
});
