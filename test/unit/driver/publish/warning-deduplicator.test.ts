import assert from 'node:assert/strict';
import { WarningDeduplicator } from '../../../../src/driver/publish/warning-deduplicator.js';

describe('what is told once', () => {
  it('is news for each subject the first time, and again when that was forgotten', () => {
    const told = new WarningDeduplicator();
    assert.deepEqual(
      [told.isFirst('a', 'x'), told.isFirst('a', 'x'), told.isFirst('a', 'y'), told.isFirst('b', 'x')],
      [true, false, true, true],
    );
    told.forget('a');
    assert.equal(told.isFirst('a', 'x'), true);
  });

  it('is remembered of a bounded number of subjects, the latest ones', () => {
    const told = new WarningDeduplicator();
    for (let index = 0; index < 100_000; index += 1) told.isFirst(`${index}`, 'x');
    assert.equal(told.isFirst('99999', 'x'), false);
    assert.equal(told.isFirst('0', 'x'), true);
  });

  it('is remembered in a bounded number of messages', () => {
    const told = new WarningDeduplicator();
    for (let index = 0; index < 1000; index += 1) told.isFirst('a', `${index}`);
    assert.equal(told.isFirst('a', '999'), false);
    assert.equal(told.isFirst('a', '0'), true);
  });
});
