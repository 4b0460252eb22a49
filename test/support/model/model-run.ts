import fc from 'fast-check';
import { commandsOf } from './commands.js';
import type { CommandWeights } from './commands.js';
import type { ModelSettings } from './model-settings.js';
import { NodeModel } from './node-model.js';
import type { NodeSystem } from './node-system.js';

const maxCommands = 10;

/** Runs sequences of commands on a node, each from a node without volumes. @throws with the shortest that fails. */
export async function assertModelHolds(
  system: NodeSystem,
  weights: CommandWeights,
  { seed, runs, path, replayPath }: ModelSettings,
): Promise<void> {
  let hasFailed = false;
  const sequences = commandsOf(weights, { maxCommands, ...(replayPath === undefined ? {} : { replayPath }) });
  const property = fc.asyncProperty(sequences, async (commands) => {
    const model = new NodeModel(system, () => hasFailed);
    try {
      await fc.asyncModelRun(() => ({ model, real: system }), commands);
      await model.end();
    } catch (error) {
      hasFailed = true;
      await model.endFault();
      system.sources.restore();
      await system.startAfresh();
      throw error;
    }
  });
  await fc.assert(property, { seed, numRuns: runs, ...(path === undefined ? {} : { path }) });
}
