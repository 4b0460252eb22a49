import { assertNodeModel, modelLimitMs } from '../support/model/model-run.ts';
import { buildQuickDriver } from '../support/model/quick-bundle.ts';

describe('a node on which anything happens in any order, while the API server fails in every way that is known', function () {
  this.timeout(modelLimitMs);

  it('has every volume whole, current and gone when it should be', async () =>
    assertNodeModel({ weights: { replacements: 3, apiFaults: 25, waits: 0 }, program: await buildQuickDriver() }));
});
