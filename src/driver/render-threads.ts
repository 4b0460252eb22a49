import v8 from 'node:v8';
import { Worker } from 'node:worker_threads';
import { abortable } from '../shared/abortable.ts';
import { CodedError, throwIfAborted } from '../shared/errors.ts';
import { FairSemaphore } from '../shared/limits/fair-semaphore.ts';
import type { RenderJob, RenderOutcome } from './content/render-job.ts';
import type { driverLimits } from './limits.ts';

/** A message that a thread sends during a job. */
export type ThreadMessage<Output> =
  /** The current position in the job, for messages. */
  { readonly kind: 'at'; readonly place: string } | { readonly kind: 'done'; readonly output: Output };

export type RenderThreadLimits = Readonly<Record<keyof typeof driverLimits.renders.thread, number>>;

/**
 * Renders templates in threads that can be terminated. A render that takes long, never ends or takes all memory does not
 * block the event loop, which serves calls. Each render has a thread of its own. One namespace has at most half of the
 * threads, and shares are equal between its classes.
 */
export class RenderThreads<Input = RenderJob, Output = RenderOutcome> {
  readonly #entry: URL;
  readonly #limits: RenderThreadLimits;
  readonly #slots: FairSemaphore;

  /** @param entry the built file that a thread runs. */
  constructor(entry: URL, limits: RenderThreadLimits) {
    this.#entry = entry;
    this.#limits = limits;
    this.#slots = new FairSemaphore({
      permits: limits.threads,
      namespaceShare: 1 / 2,
      queue: {
        length: limits.waiting,
        rejection: ({ namespace }, waiting) =>
          new CodedError(
            'RESOURCE_EXHAUSTED',
            `${waiting} templates of namespace ${namespace} already wait for a thread; the kubelet will retry`,
          ),
      },
    });
  }

  /**
   * Runs a job in a thread. Input and output are plain data.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the job takes too long or too much memory, or its namespace has too many
   * in the queue; INTERNAL if the thread fails; the signal's reason, which ends the job.
   */
  run(
    input: Input,
    { namespace, group }: { readonly namespace: string; readonly group: string },
    signal: AbortSignal,
  ): Promise<Output> {
    return this.#slots.run({ namespace, podUid: group }, signal, () => this.#work(input, signal));
  }

  async #work(input: Input, signal: AbortSignal): Promise<Output> {
    throwIfAborted(signal);
    const { heapMb, jobMs } = this.#limits;
    // The flag has precedence over the limit of a thread. The heaps that there are keep their size.
    v8.setFlagsFromString('--max-old-space-size=0');
    const resourceLimits = { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(this.#entry, { execArgv: [], env: {}, resourceLimits });
    let place = '';
    const timeout = new AbortController();
    const timer = setTimeout(() => {
      const message = `${at(place)}template takes more than ${(jobMs / 1000).toString()} s`;
      timeout.abort(new CodedError('RESOURCE_EXHAUSTED', message));
    }, jobMs);
    const output = new Promise<Output>((resolve, reject) => {
      worker.on('message', (message: ThreadMessage<Output>) => {
        if (message.kind === 'at') place = message.place;
        else resolve(message.output);
      });
      worker.on('error', (cause: Error) => reject(failureOf(place, cause)));
      worker.on('exit', () => reject(failureOf(place, undefined)));
    });
    worker.postMessage(input);
    try {
      return await abortable(output, AbortSignal.any([signal, timeout.signal]));
    } finally {
      clearTimeout(timer);
      output.catch(() => undefined);
      await worker.terminate();
    }
  }
}

function failureOf(lastPlace: string, cause: Error | undefined): CodedError {
  const place = at(lastPlace);
  if (cause !== undefined && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new CodedError('RESOURCE_EXHAUSTED', `${place}template needs more memory than there is for it`, { cause });
  }
  return new CodedError('INTERNAL', `${place}the thread of the template failed`, { cause });
}

/** @param place empty before a job has reported one. */
function at(place: string): string {
  return place === '' ? '' : `${place}: `;
}
