import assert from 'node:assert/strict';
import { ClientRateLimiter } from '../../../../src/shared/limits/client-rate-limiter.js';

describe('the rate of a client', () => {
  let nowMs: number;
  let limiter: ClientRateLimiter;

  beforeEach(() => {
    nowMs = 0;
    limiter = new ClientRateLimiter({ burst: 3, everyMs: 10, longestMs: 50, clients: 2 }, () => nowMs);
  });

  const taken = (count: number, address = 'a'): number[] => Array.from({ length: count }, () => limiter.take(address));

  it('is unlimited for a few operations, and then each waits for the one before', () => {
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

  it('is forgotten for the clients that are the oldest', () => {
    taken(10, 'a');
    taken(1, 'b');
    taken(1, 'c');
    assert.deepEqual(taken(1, 'a'), [0]);
  });
});
