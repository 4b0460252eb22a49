import assert from 'node:assert/strict';
import { TokenBuckets } from '../../../../src/shared/limits/token-bucket.ts';

describe('token buckets by key', () => {
  let nowMs: number;
  let buckets: TokenBuckets;

  beforeEach(() => {
    nowMs = 0;
    buckets = new TokenBuckets({ burst: 3, everyMs: 10 }, () => nowMs);
  });

  const acquire = (count: number, key = 'a'): number[] =>
    Array.from({ length: count }, () => buckets.of(key).acquireLater(50));

  it('have tokens for a few operations, and then each waits for the one before', () => {
    assert.deepEqual(acquire(6), [0, 0, 0, 10, 20, 30]);
    nowMs = 30;
    assert.deepEqual(acquire(2), [10, 20]);
  });

  it('have a longest delay, which more operations do not extend', () => {
    acquire(1000);
    nowMs = 40;
    assert.deepEqual(acquire(1), [10]);
  });

  it('are one for each key', () => {
    acquire(10, 'a');
    assert.deepEqual(acquire(3, 'b'), [0, 0, 0]);
  });

  it('are dropped for the keys that were used least recently', () => {
    acquire(10, 'a');
    for (let at = 0; at < 4096; at += 1) acquire(1, `other ${at}`);
    assert.deepEqual(acquire(1, 'a'), [0]);
  });

  it('can have rates of their own', () => {
    const bucket = buckets.of('a', { burst: 1, everyMs: 1000 });
    assert.deepEqual([bucket.acquire(), bucket.acquire(), bucket.delayMs(1)], [true, false, 1000]);
  });
});
