import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { ExchangeSlots } from '../../../../src/proxy/server/exchange-slots.js';
import { RejectionRateLimiter } from '../../../../src/proxy/server/rejection-rate-limiter.js';

describe('the rate of rejections of a client', () => {
  let nowMs: number;
  let limiter: RejectionRateLimiter;

  beforeEach(() => {
    nowMs = 0;
    limiter = new RejectionRateLimiter({ burst: 3, everyMs: 10, longestMs: 50, clients: 2 }, () => nowMs);
  });

  const taken = (count: number, address = 'a'): number[] => Array.from({ length: count }, () => limiter.take(address));

  it('is unlimited for a few, and then each response waits for the one before', () => {
    assert.deepEqual(taken(6), [0, 0, 0, 10, 20, 30]);
    nowMs = 30;
    assert.deepEqual(taken(2), [10, 20]);
  });

  it('has a longest delay, which more clients do not extend', () => {
    taken(1000);
    nowMs = 40;
    assert.deepEqual(taken(1), [10]);
  });

  it('is that of each client alone', () => {
    taken(10, 'a');
    assert.deepEqual(taken(3, 'b'), [0, 0, 0]);
  });

  it('is forgotten for the clients that were rejected first', () => {
    taken(10, 'a');
    taken(1, 'b');
    taken(1, 'c');
    assert.deepEqual(taken(1, 'a'), [0]);
  });

  it('frees the slot of a request that waits, which ends when the client leaves', async () => {
    const slots = new ExchangeSlots({ total: 8, share: 1 / 2 });
    const request = new IncomingMessage(new Socket());
    const leaving = new AbortController();
    taken(1000, '');
    const slot = slots.acquire('');
    const waiting = limiter.delay(request, undefined, slot, leaving.signal);
    assert.equal(slots.count, 0);
    leaving.abort();
    await waiting;
    await limiter.delay(request, undefined, slot, leaving.signal);
  });
});
