import assert from 'node:assert/strict';
import { ToldOnce } from '../../../../src/driver/volume/told-once.js';

describe('what is told once', () => {
  it('is news for each subject the first time, and again when that was forgotten', () => {
    const told = new ToldOnce();
    assert.deepEqual(
      [told.isNews('a', 'x'), told.isNews('a', 'x'), told.isNews('a', 'y'), told.isNews('b', 'x')],
      [true, false, true, true],
    );
    told.forget('a');
    assert.equal(told.isNews('a', 'x'), true);
  });

  it('is remembered of a bounded number of subjects, the latest ones', () => {
    const told = new ToldOnce();
    for (let index = 0; index < 100_000; index += 1) told.isNews(`${index}`, 'x');
    assert.equal(told.isNews('99999', 'x'), false);
    assert.equal(told.isNews('0', 'x'), true);
  });

  it('is remembered in a bounded number of messages', () => {
    const told = new ToldOnce();
    for (let index = 0; index < 1000; index += 1) told.isNews('a', `${index}`);
    assert.equal(told.isNews('a', '999'), false);
    assert.equal(told.isNews('a', '0'), true);
  });
});
