import assert from 'node:assert/strict';
import { Allowance } from '../../../src/load/allowance.js';

describe('an allowance', () => {
  let nowMs = 0;
  const taken = (allowance: Allowance, times: number): number =>
    Array.from({ length: times }, () => allowance.take()).filter(Boolean).length;

  it('is so many at once, and then so many by the time', () => {
    const allowance = new Allowance({ burst: 3, everyMs: 1000 }, () => nowMs);
    assert.equal(taken(allowance, 10), 3);
    nowMs += 999;
    assert.equal(taken(allowance, 10), 0);
    nowMs += 1;
    assert.equal(taken(allowance, 10), 1);
    nowMs += 2500;
    assert.equal(taken(allowance, 10), 2);
    nowMs += 500;
    assert.equal(taken(allowance, 10), 1);
  });

  it('says how long to wait for the next one', () => {
    const allowance = new Allowance({ burst: 2, everyMs: 1000 }, () => nowMs);
    assert.equal(allowance.waitMs(), 0);
    assert.equal(taken(allowance, 2), 2);
    assert.equal(allowance.waitMs(), 1000);
    nowMs += 400;
    assert.equal(allowance.waitMs(), 600);
    nowMs += 600;
    assert.equal(allowance.waitMs(), 0);
    assert.equal(taken(allowance, 2), 1);
  });

  it('does not pile up', () => {
    const allowance = new Allowance({ burst: 3, everyMs: 1000 }, () => nowMs);
    nowMs += 1_000_000;
    assert.equal(taken(allowance, 10), 3);
  });
});
