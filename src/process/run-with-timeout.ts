import { Script } from 'node:vm';

const property = Symbol.for('connectors-csi.runWithTimeout');

/** Where the script finds its work: a script has no arguments. */
const globals = globalThis as unknown as Record<symbol, (() => void) | undefined>;

const script = new Script(`globalThis[Symbol.for('connectors-csi.runWithTimeout')]()`, { filename: 'runWithTimeout' });

/**
 * Does synchronous work that others wait for, and cuts it off when it takes longer than `timeoutMs`, wherever it is: a
 * thread of Node's own watches it, which costs about 60 microseconds. Work that is cut off runs no `catch` and no
 * `finally`, so what it had begun to change must be forgotten with it. One call of native code is not cut off: such calls
 * have to be short by themselves.
 * @returns undefined when it was cut off.
 * @throws what the work throws.
 */
export function runWithTimeout<T extends object>(work: () => T, timeoutMs: number): T | undefined {
  let result: T | undefined;
  globals[property] = () => {
    result = work();
  };
  try {
    script.runInThisContext({ timeout: timeoutMs });
  } catch (error) {
    if (!isTimeout(error)) throw error;
  } finally {
    globals[property] = undefined;
  }
  return result;
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
