import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { SharedQuota } from '../../../../src/shared/limits/shared-quota.ts';
import { ConnectionLimiter } from '../../../../src/proxy/server/connection-limiter.ts';
import { ExchangeSlots } from '../../../../src/proxy/server/exchange-slots.ts';
import { RejectionRateLimiter } from '../../../../src/proxy/server/rejection-rate-limiter.ts';

describe('the delay of a rejection', () => {
  it('frees the slot of its request, and ends when the client leaves', async () => {
    const limiter = new RejectionRateLimiter(() => 0);
    const quota = new SharedQuota(8, 1 / 2);
    const slots = new ExchangeSlots(quota, new ConnectionLimiter(8));
    const request = new IncomingMessage(new Socket());
    const clientGone = new AbortController();
    const gone = AbortSignal.abort();
    for (let at = 0; at < 1000; at += 1) {
      const rejected = slots.acquire(new Socket());
      await limiter.delay(request, undefined, rejected, gone);
      rejected.release();
    }
    const slot = slots.acquire(new Socket());
    const waiting = limiter.delay(request, undefined, slot, clientGone.signal);
    assert.equal(quota.used, 0);
    clientGone.abort();
    await waiting;
    await limiter.delay(request, undefined, slot, clientGone.signal);
  });
});
