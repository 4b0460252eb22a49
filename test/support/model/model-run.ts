import fc from 'fast-check';
import { commandsOf } from './commands.ts';
import type { CommandWeights } from './commands.ts';
import { NodeModel } from './node-model.ts';
import { NodeSystem } from './node-system.ts';

interface ModelOptions {
  readonly weights: CommandWeights;
  /** In place of dist/main.js. */
  readonly program?: string;
  /** Plays long sequences, on one driver for `MODEL_SECONDS`, in place of many short ones. */
  readonly isLong?: boolean;
}

/** Nothing is waited for in vain for so long. */
export const modelLimitMs = 1_500_000;
const maxCommands = { short: 10, long: 200 };
const defaultRuns = 200;
const defaultSeconds = 30;

/**
 * Plays random sequences of commands on a node and its model, each from a node without volumes. `MODEL_RUNS` short ones,
 * whose failure is made as short as it gets (`MODEL_SEED`, `MODEL_PATH` and `MODEL_REPLAY_PATH` repeat it), or long ones.
 * @throws with the sequence that fails, or when the driver that is left is not as after its start.
 */
export async function assertNodeModel({ weights, program, isLong = false }: ModelOptions): Promise<void> {
  const { env } = process;
  let seed = Number(env['MODEL_SEED'] ?? Date.now() % 2 ** 31);
  const system = await NodeSystem.start(program);
  const startedMs = performance.now();
  const elapsedSeconds = (): number => (performance.now() - startedMs) / 1000;
  let sequences = 0;
  let hasFailed = false;
  const play = async (commands: Iterable<fc.AsyncCommand<NodeModel, NodeSystem>>): Promise<void> => {
    const model = new NodeModel(system, () => hasFailed);
    sequences += 1;
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
  };
  try {
    console.log(`      seed ${seed} (MODEL_SEED)`);
    if (isLong) {
      const commands = commandsOf(weights, { maxCommands: maxCommands.long, size: 'max' });
      for (const seconds = Number(env['MODEL_SECONDS'] ?? defaultSeconds); elapsedSeconds() < seconds; seed += 1) {
        await fc.assert(fc.asyncProperty(commands, play), { seed, numRuns: 1, endOnFailure: true });
      }
    } else {
      const [path, replayPath] = [env['MODEL_PATH'], env['MODEL_REPLAY_PATH']];
      const commands = commandsOf(weights, { maxCommands: maxCommands.short, ...(replayPath && { replayPath }) });
      const numRuns = Number(env['MODEL_RUNS'] ?? defaultRuns);
      await fc.assert(fc.asyncProperty(commands, play), { seed, numRuns, ...(path && { path }) });
    }
    await system.assertAtRest();
    console.log(`      ${sequences} sequences, ${elapsedSeconds().toFixed(0)} s, ${system.told()}`);
  } finally {
    await system.stop();
  }
}
