import assert from 'node:assert/strict';
import { fuzzGenerators, generatorLines } from '../../support/fuzz/generators/fuzz-generators.js';
import { fuzzSettings } from '../../support/fuzz/fuzz-settings.js';

const share = 0.5;

describe('generators of classes', () => {
  it('have a result or a documented error, whatever they are, and leave the next one as it is', async function () {
    this.timeout(600_000);
    const { cases, seed } = fuzzSettings(1000);
    console.log(`      seed ${seed} (FUZZ_SEED)`);
    const report = await fuzzGenerators({ cases: Math.ceil(cases * share), seed });
    for (const line of generatorLines(report)) console.log(`      ${line}`);
    assert.deepEqual(report.failures, []);
    assert.deepEqual(report.unhandled, []);
    assert.equal(report.cases, Math.ceil(cases * share));
    assert.ok((report.ends.result ?? 0) > 0 && (report.ends.rejected ?? 0) > 0, 'all cases end alike');
  });
});
