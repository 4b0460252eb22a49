import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { FuzzSettings } from '../fuzz-settings.js';
import type { GeneratorCase } from './generator-cases.js';

const program = path.join(import.meta.dirname, 'case-program.ts');
const batchSize = 32;

/** Cases from a process of its own, so that making them takes nothing of the thread that is measured. */
export class CaseSource {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(program, { execArgv: ['--import', 'tsx'] });
  }

  /** Yields batches of cases. The next batch is made while one is used. */
  async *batches({ cases, seed }: FuzzSettings): AsyncGenerator<readonly GeneratorCase[]> {
    let next = this.#request(seed, cases);
    for (let left = cases; left > 0; left -= batchSize) {
      const batch = await next;
      seed = (seed + 1) | 0;
      if (left > batchSize) next = this.#request(seed, left - batchSize);
      yield batch;
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  #request(seed: number, left: number): Promise<readonly GeneratorCase[]> {
    const child = this.#child;
    const answer = new Promise<readonly GeneratorCase[]>((resolve, reject) => {
      const onExit = (): void => reject(new Error('the process that makes cases has ended'));
      child.once('exit', onExit);
      child.once('message', (batch) => {
        child.off('exit', onExit);
        resolve(batch as readonly GeneratorCase[]);
      });
    });
    // A failed batch is thrown where it is awaited.
    answer.catch(() => undefined);
    child.send({ seed, numRuns: Math.min(left, batchSize) });
    return answer;
  }
}
