import assert from 'node:assert/strict';
import { fuzz, fuzzSettings } from '../../support/fuzz/fuzz-run.js';
import { fuzzTargets } from '../../support/fuzz/fuzz-targets.js';

/** More than what a run takes that keeps nothing, with the collector at its laziest. */
const maxGrowthBytes = 512 << 20;

describe('what comes from outside', () => {
  it('is parsed, or refused with a documented error, whatever it is', async function () {
    this.timeout(600_000);
    const settings = fuzzSettings(20_000);
    console.log(`      seed ${settings.seed} (FUZZ_SEED)`);
    const report = await fuzz(fuzzTargets(), settings, (line) => console.log(`      ${line}`));
    console.log(`      event loop held up for at most ${report.eventLoopMaxMs.toFixed(0)} ms`);
    assert.deepEqual(report.unhandled, []);
    assert.ok(report.grownBytes < maxGrowthBytes, `grew by ${report.grownBytes} bytes`);
  });
});
