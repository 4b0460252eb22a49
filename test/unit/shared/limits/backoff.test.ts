import assert from 'node:assert/strict';
import { backoffMs, doublingMs } from '../../../../src/shared/limits/backoff.ts';

describe('backoffMs', () => {
  it('doubles up to its cap', () => {
    for (const delayMs of [doublingMs, (...of: Parameters<typeof doublingMs>) => backoffMs(...of, () => 1)]) {
      const delays = [1, 2, 3, 4, 5, 1000].map((failures) => delayMs(failures, 100, 1000));
      assert.deepEqual(delays, [100, 200, 400, 800, 1000, 1000]);
    }
  });

  it('leaves all of the delay to chance, so that those who failed together come back spread over it', () => {
    for (const share of [0, 0.25, 0.5])
      assert.equal(
        backoffMs(2, 100, 1000, () => share),
        share * 200,
      );
  });
});
