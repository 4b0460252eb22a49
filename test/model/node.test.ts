import { assertNodeModel, modelLimitMs } from '../support/model/model-run.ts';

describe('a node on which anything happens in any order', function () {
  this.timeout(modelLimitMs);

  it('has every volume whole, current and gone when it should be', () =>
    assertNodeModel({ weights: { replacements: 3, apiFaults: 0, waits: 1 } }));
});
