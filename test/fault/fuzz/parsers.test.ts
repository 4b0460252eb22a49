import assert from 'node:assert/strict';
import { fuzz, fuzzSettings } from '../../support/fuzz/fuzz-run.ts';
import { fuzzTargets } from '../../support/fuzz/fuzz-targets.ts';

/** More than a run takes that keeps nothing, with the collector at its laziest. */
const maxGrowthBytes = 512 << 20;

describe('what comes from outside is parsed, or refused with a documented error', function () {
  this.timeout(600_000);
  const { cases, seed } = fuzzSettings(20_000);
  const targets = fuzzTargets();
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  const rssBeforeBytes = process.memoryUsage.rss();

  before(() => console.log(`      seed ${seed} (FUZZ_SEED)`));

  // Mocha fails the test in which a rejection is not handled.
  for (const target of targets) {
    it(target.name, () => fuzz(target, { cases: Math.ceil((cases * target.share) / shares), seed }));
  }

  it('and is not kept', () => {
    const grownBytes = process.memoryUsage.rss() - rssBeforeBytes;
    assert.ok(grownBytes < maxGrowthBytes, `grew by ${grownBytes} bytes`);
  });
});
