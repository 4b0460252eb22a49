import { Worker } from 'node:worker_threads';
import { DriverError, throwIfAborted } from '../errors.js';
import type { SlowTask, SlowWork } from '../gotemplate/slow-work.js';
import { abortable } from '../abortable.js';

/** More heap than a task needs by far; what scrypt keeps, 8 MB, is outside of it. */
const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 };

/**
 * Does slow work outside the thread that answers calls: each task in a thread of its own that ends with it, one task at
 * a time whoever asks. Few templates have any, so a thread that waits for work would be a waste.
 */
export class SlowWorkThread implements SlowWork {
  readonly #entry: URL;
  #last: Promise<unknown> = Promise.resolve();

  /** @param entry the built slow-worker.ts. */
  constructor(entry: URL) {
    this.#entry = entry;
  }

  /** @throws {DriverError} INTERNAL when the thread fails; the signal's reason. A task that has begun is finished all the same. */
  run(task: SlowTask, signal: AbortSignal): Promise<string> {
    const result = this.#last.then(() => {
      throwIfAborted(signal);
      return this.#start(task);
    });
    this.#last = result.catch(() => undefined);
    return abortable(result, signal);
  }

  #start(task: SlowTask): Promise<string> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(this.#entry, { workerData: task, execArgv: [], env: {}, resourceLimits });
      worker.once('message', (result: unknown) => resolve(String(result)));
      worker.once('error', (cause) => {
        reject(new DriverError('INTERNAL', `a template's ${task.kind} could not be worked out`, { cause }));
      });
      worker.once('exit', () => reject(new DriverError('INTERNAL', `the thread for a template's ${task.kind} ended`)));
    });
  }
}
