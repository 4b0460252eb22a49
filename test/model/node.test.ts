import type { CommandWeights } from '../support/model/commands.js';
import { assertModelHolds } from '../support/model/model-run.js';
import { modelSettings } from '../support/model/model-settings.js';
import { NodeSystem } from '../support/model/node-system.js';
import { buildQuickDriver } from '../support/model/quick-bundle.js';

/** Nothing is waited for in vain for so long; a run takes a fraction of a second. */
const limitMs = 1_500_000;

describe('a node on which anything happens in any order', function () {
  this.timeout(limitMs);

  const holds = async (program: string | undefined, weights: CommandWeights, runs: number): Promise<void> => {
    const settings = modelSettings(runs);
    const system = await NodeSystem.start(program);
    try {
      console.log(`      ${settings.runs} runs with seed ${settings.seed} (MODEL_SEED)`);
      const startedMs = performance.now();
      await assertModelHolds(system, weights, settings);
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
      console.log(`      ${seconds} s, ${system.restarts} drivers killed`);
    } finally {
      await system.stop();
    }
  };

  it('has every volume whole, current and gone when it should be', () =>
    holds(undefined, { kills: 3, apiFaults: 0, waits: 1 }, 1000));

  it('also while the API server fails in every way that is known', async () =>
    holds(await buildQuickDriver(), { kills: 3, apiFaults: 25, waits: 0 }, 1000));
});
