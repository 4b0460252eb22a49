import assert from 'node:assert/strict';
import { TokenBucket } from '../../../../src/shared/limits/token-bucket.ts';

describe('a token bucket', () => {
  let nowMs = 0;
  const taken = (bucket: TokenBucket, times: number): number =>
    Array.from({ length: times }, () => bucket.acquire()).filter(Boolean).length;

  it('is so many at once, and then so many by the time', () => {
    const bucket = new TokenBucket({ burst: 3, everyMs: 1000 }, () => nowMs);
    assert.equal(taken(bucket, 10), 3);
    nowMs += 999;
    assert.equal(taken(bucket, 10), 0);
    nowMs += 1;
    assert.equal(taken(bucket, 10), 1);
    nowMs += 2500;
    assert.equal(taken(bucket, 10), 2);
    nowMs += 500;
    assert.equal(taken(bucket, 10), 1);
  });

  it('says how long to wait for the next one', () => {
    const bucket = new TokenBucket({ burst: 2, everyMs: 1000 }, () => nowMs);
    assert.equal(bucket.delayMs(1), 0);
    assert.equal(taken(bucket, 2), 2);
    assert.equal(bucket.delayMs(1), 1000);
    nowMs += 400;
    assert.equal(bucket.delayMs(1), 600);
    nowMs += 600;
    assert.equal(bucket.delayMs(1), 0);
    assert.equal(taken(bucket, 2), 1);
  });

  it('does not pile up', () => {
    const bucket = new TokenBucket({ burst: 3, everyMs: 1000 }, () => nowMs);
    nowMs += 1_000_000;
    assert.equal(taken(bucket, 10), 3);
  });

  it('can owe tokens, and says when that is paid off', () => {
    const bucket = new TokenBucket({ burst: 3, everyMs: 1000 }, () => nowMs);
    bucket.charge(5);
    assert.equal(bucket.delayMs(0), 2000);
    assert.equal(bucket.delayMs(1), 3000);
    nowMs += 4000;
    assert.equal(bucket.delayMs(2), 0);
  });
});
