export interface ModelSettings {
  readonly seed: number;
  readonly runs: number;
  /** Of the run that failed, as fast-check tells it. */
  readonly path: string | undefined;
  /** Of the commands of it that were run. */
  readonly replayPath: string | undefined;
}

/** `MODEL_RUNS` and `MODEL_SEED`; `MODEL_PATH` and `MODEL_REPLAY_PATH` to see a run again that failed. */
export function modelSettings(runs: number, env: NodeJS.ProcessEnv = process.env): ModelSettings {
  return {
    seed: Number(env['MODEL_SEED'] ?? Date.now() % 2 ** 31),
    runs: Number(env['MODEL_RUNS'] ?? runs),
    path: env['MODEL_PATH'],
    replayPath: env['MODEL_REPLAY_PATH'],
  };
}
