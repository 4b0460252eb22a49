import assert from 'node:assert/strict';
import { dynamicShare, floorsOf } from '../../../../src/shared/limits/dynamic-share.ts';
import { limits } from '../../../../src/shared/limits/defaults.ts';
import { SharedQuota } from '../../../../src/shared/limits/shared-quota.ts';
import { Random } from '../../../support/random.ts';

describe('the limit of one holder', () => {
  it('is a share of what the others leave', () => {
    assert.equal(dynamicShare(1000, 0, 1 / 2), 500);
    assert.equal(dynamicShare(1000, 500, 1 / 2), 250);
    assert.equal(dynamicShare(1000, 0, 1 / 4), 250);
  });

  it('leaves the reserved part to holders of little, who get the floor', () => {
    const { floor, reserved } = floorsOf(1000);
    assert.deepEqual([floor, reserved], [15.625, 125]);
    assert.equal(dynamicShare(1000, 760, 1 / 2), 115);
    assert.equal(dynamicShare(1000, 900, 1 / 2), floor);
    assert.equal(dynamicShare(1000, 990, 1 / 2), 10);
    assert.equal(dynamicShare(1000, 1000, 1 / 2), 0);
    assert.equal(dynamicShare(1000, 2000, 1 / 2), 0);
  });

  it('is the floor at least for a holder of nothing, whatever others do, as long as few hold so little', () => {
    const capacity = 1000;
    const { floor } = floorsOf(capacity);
    for (const share of [1 / 4, 1 / 2, 1]) {
      const random = new Random(11);
      const quota = new SharedQuota(capacity, share);
      const holders = Array.from({ length: 14 }, (_, n) => `holder-${n}`);
      let tried = 0;
      for (let step = 0; step < 20_000; step += 1) {
        const holder = random.pick(holders);
        const amount = random.chance(0.5) ? random.int(1, 30) : random.int(1, capacity);
        if (random.chance(0.2))
          quota.release(holder, random.chance(0.5) ? quota.usedBy(holder) : Math.min(amount, quota.usedBy(holder)));
        else if (quota.canAcquire(holder, amount)) quota.acquire(holder, amount);
        assert.ok(quota.used <= capacity, `${quota.used} in step ${step}`);
        const few = holders.filter((each) => quota.usedBy(each) > 0 && quota.usedBy(each) <= floor).length;
        if (few >= limits.guaranteedShares.holders) continue;
        tried += 1;
        assert.ok(quota.canAcquire('newcomer', floor), `step ${step}, ${quota.used} of ${capacity}, share ${share}`);
      }
      assert.ok(tried > 1000, `${tried} times tried`);
    }
  });

  it('lets ten holders that take all they can leave something to the eleventh', () => {
    const quota = new SharedQuota(1000, 1 / 2);
    for (let n = 0; n < 10; n += 1) while (quota.acquire(`holder-${n}`));
    assert.ok(quota.canAcquire('newcomer', 15), `${quota.used} are taken`);
  });
});
