import type { CommandWeights } from './commands.js';
import { assertModelHolds } from './model-run.js';
import { modelSettings } from './model-settings.js';
import { NodeSystem } from './node-system.js';

/** Nothing is waited for in vain for so long; a run takes a fraction of a second. */
export const modelLimitMs = 1_500_000;
const runs = 1000;

/** Plays sequences of commands on a node and its model, and prints what repeats them. @param program see NodeSystem. */
export async function assertNodeModel(weights: CommandWeights, program?: string): Promise<void> {
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
}
