import { assertNodeModel } from '../support/model/model-run.ts';
import { buildQuickDriver } from '../support/model/quick-bundle.ts';

describe('a node in use for long, with faults', function () {
  this.timeout(0);

  it('has every volume whole at all times, and current after each fault', async () => {
    const program = await buildQuickDriver();
    await assertNodeModel({ weights: { replacements: 6, apiFaults: 25, waits: 0 }, program, isLong: true });
  });
});
