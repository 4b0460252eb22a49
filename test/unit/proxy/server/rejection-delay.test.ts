import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { SharedQuota } from '../../../../src/shared/limits/shared-quota.ts';
import { ConnectionLimiter } from '../../../../src/proxy/server/connection-limiter.ts';
import { ExchangeSlots } from '../../../../src/proxy/server/exchange-slots.ts';
import { proxyLimits } from '../../../../src/proxy/limits.ts';
import { delayRejection } from '../../../../src/proxy/server/error-response.ts';
import { ThreadShares } from '../../../../src/proxy/thread-shares.ts';

describe('the delay of a rejection', () => {
  it('frees the slot of its request, and ends when the client leaves', async () => {
    const threads = new ThreadShares(() => 0);
    const { burst, rejectionMs, longestMs, everyMs } = proxyLimits.thread;
    const quota = new SharedQuota(8, 1 / 2);
    const slots = new ExchangeSlots(quota, new ConnectionLimiter(8));
    const request = new IncomingMessage(new Socket());
    const clientGone = new AbortController();
    const gone = AbortSignal.abort();
    for (let at = 0; at < (burst + longestMs / everyMs) / rejectionMs; at += 1) {
      const rejected = slots.acquire(new Socket());
      await delayRejection(request, rejected, threads, gone);
      rejected.release();
    }
    const slot = slots.acquire(new Socket());
    const waiting = delayRejection(request, slot, threads, clientGone.signal);
    assert.equal(quota.used, 0);
    clientGone.abort();
    await waiting;
    await delayRejection(request, slot, threads, clientGone.signal);
  });
});
