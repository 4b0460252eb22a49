import assert from 'node:assert/strict';
import { backoffMs } from '../../../src/kube/backoff.js';

describe('backoffMs', () => {
  it('doubles up to its cap', () => {
    const delays = [1, 2, 3, 4, 5, 1000].map((failures) => backoffMs(failures, 100, 1000, () => 1));
    assert.deepEqual(delays, [100, 200, 400, 800, 1000, 1000]);
  });

  it('leaves half of the delay to chance', () => {
    assert.equal(
      backoffMs(1, 100, 1000, () => 0),
      50,
    );
  });
});
