import { assertNodeModel, modelLimitMs } from '../support/model/model-run.js';
import { buildQuickDriver } from '../support/model/quick-bundle.js';

describe('a node in use for long, with faults', function () {
  this.timeout(modelLimitMs);

  it('has every volume whole at all times, and current after each fault', async () => {
    const program = await buildQuickDriver();
    const seconds = Number(process.env['SOAK_SECONDS'] ?? 60);
    await assertNodeModel({ weights: { replacements: 6, apiFaults: 25, waits: 0 }, program, seconds });
  });
});
