import assert from 'node:assert/strict';
import { RefreshBudget } from '../../../../src/driver/volume/refresh-budget.js';

describe('RefreshBudget', () => {
  let nowMs: number;
  let budget: RefreshBudget;
  beforeEach(() => {
    nowMs = 1000;
    budget = new RefreshBudget({ burstMs: 100, share: 0.2 }, () => nowMs);
  });

  it('lets a burst through at once', () => {
    budget.spend(99);
    assert.equal(budget.waitMs, 0);
  });

  it('gives a share of the time after it', () => {
    budget.spend(110);
    assert.equal(budget.waitMs, 51);
    nowMs += 51;
    assert.equal(budget.waitMs, 0);
    budget.spend(20);
    nowMs += 50;
    assert.ok(budget.waitMs > 0);
  });

  it('gathers no more than a burst while nothing happens', () => {
    nowMs += 3_600_000;
    budget.spend(100);
    assert.ok(budget.waitMs > 0);
  });
});
