import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { ClientRateLimiter } from '../../../../src/shared/limits/client-rate-limiter.js';
import { ExchangeSlots } from '../../../../src/proxy/server/exchange-slots.js';
import { RejectionRateLimiter } from '../../../../src/proxy/server/rejection-rate-limiter.js';

describe('the delay of a rejection', () => {
  it('frees the slot of its request, and ends when the client leaves', async () => {
    const rates = new ClientRateLimiter({ burst: 3, everyMs: 10, longestMs: 50, clients: 2 }, () => 0);
    const limiter = new RejectionRateLimiter(rates);
    const slots = new ExchangeSlots({ total: 8, share: 1 / 2 });
    const request = new IncomingMessage(new Socket());
    const leaving = new AbortController();
    for (let at = 0; at < 1000; at += 1) rates.take('');
    const slot = slots.acquire('');
    const waiting = limiter.delay(request, undefined, slot, leaving.signal);
    assert.equal(slots.count, 0);
    leaving.abort();
    await waiting;
    await limiter.delay(request, undefined, slot, leaving.signal);
  });
});
