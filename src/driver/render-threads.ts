import v8 from 'node:v8';
import { Worker } from 'node:worker_threads';
import { CodedError, abortError, throwIfAborted } from '../shared/errors.js';
import { FairSemaphore } from '../shared/limits/fair-semaphore.js';
import type { RenderJob, RenderOutcome } from './content/render-job.js';
import type { driverLimits } from './limits.js';

/** A message that a thread sends during a job. */
export type ThreadMessage<Output> =
  /** The current position in the job, for messages. */
  { readonly kind: 'at'; readonly place: string } | { readonly kind: 'done'; readonly output: Output };

export type RenderThreadLimits = Readonly<Record<keyof typeof driverLimits.renders.thread, number>>;

interface Thread<Output> {
  readonly worker: Worker;
  job: RunningJob<Output> | undefined;
  idleTimer: NodeJS.Timeout | undefined;
}

interface RunningJob<Output> {
  readonly resolve: (output: Output) => void;
  readonly reject: (error: CodedError) => void;
  /** Position that the job reported last. */
  place: string;
  readonly timer: NodeJS.Timeout;
}

/**
 * Renders templates in threads that can be terminated. A render that takes long, never ends or takes all memory does not
 * block the event loop, which serves calls. Without renders there is no thread. One namespace has at most half of the
 * threads, and shares are equal between its classes.
 */
export class RenderThreads<Input = RenderJob, Output = RenderOutcome> {
  readonly #entry: URL;
  readonly #limits: RenderThreadLimits;
  readonly #slots: FairSemaphore;
  readonly #threads = new Set<Thread<Output>>();
  readonly #stopping = new AbortController();

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

  /** Returns the numbers of threads and queued jobs. */
  get load(): { readonly threads: number; readonly waiting: number } {
    return { threads: this.#threads.size, waiting: this.#slots.waiting };
  }

  /**
   * Runs a job in a thread. Input and output are plain data.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the job takes too long or too much memory, or its namespace has too many
   * in the queue; INTERNAL if the thread fails; the signal's reason, which ends the job.
   */
  async run(
    input: Input,
    { namespace, group }: { readonly namespace: string; readonly group: string },
    signal: AbortSignal,
  ): Promise<Output> {
    const ending = AbortSignal.any([signal, this.#stopping.signal]);
    return this.#slots.run({ namespace, podUid: group }, ending, () => this.#work(input, ending));
  }

  /** Terminates all threads. Queued and running jobs fail. */
  stop(): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', 'the program is stopping; the kubelet will retry'));
    for (const thread of this.#threads) this.#end(thread);
  }

  async #work(input: Input, ending: AbortSignal): Promise<Output> {
    throwIfAborted(ending);
    const thread = [...this.#threads].find(({ job }) => job === undefined) ?? this.#newThread();
    const giveUp = (): void => this.#end(thread, abortError(ending));
    ending.addEventListener('abort', giveUp, { once: true });
    try {
      return await new Promise<Output>((resolve, reject) => this.#start(thread, input, resolve, reject));
    } finally {
      ending.removeEventListener('abort', giveUp);
      clearTimeout(thread.job?.timer);
      thread.job = undefined;
      thread.worker.unref();
      thread.idleTimer = setTimeout(() => this.#end(thread), this.#limits.idleMs).unref();
    }
  }

  #newThread(): Thread<Output> {
    // The flag has precedence over the limit of a thread. The heaps that there are keep their size.
    v8.setFlagsFromString('--max-old-space-size=0');
    const resourceLimits = { maxOldGenerationSizeMb: this.#limits.heapMb, maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(this.#entry, { execArgv: [], env: {}, resourceLimits });
    const thread: Thread<Output> = { worker, job: undefined, idleTimer: undefined };
    this.#threads.add(thread);
    worker.on('message', (message: ThreadMessage<Output>) => this.#onMessage(thread, message));
    worker.on('error', (cause) => this.#end(thread, failureOf(thread.job, cause)));
    worker.on('exit', () => this.#end(thread, failureOf(thread.job, undefined)));
    return thread;
  }

  #start(
    thread: Thread<Output>,
    input: Input,
    resolve: (output: Output) => void,
    reject: (error: CodedError) => void,
  ): void {
    const { jobMs } = this.#limits;
    clearTimeout(thread.idleTimer);
    thread.worker.ref();
    const timer = setTimeout(() => {
      const message = `${at(thread.job?.place ?? '')}template takes more than ${(jobMs / 1000).toString()} s`;
      this.#end(thread, new CodedError('RESOURCE_EXHAUSTED', message));
    }, jobMs);
    thread.job = { resolve, reject, place: '', timer };
    thread.worker.postMessage(input);
  }

  #onMessage({ job }: Thread<Output>, message: ThreadMessage<Output>): void {
    if (job === undefined) return;
    if (message.kind === 'at') job.place = message.place;
    else job.resolve(message.output);
  }

  /** Terminates the thread, and rejects its job with the reason. */
  #end(thread: Thread<Output>, reason?: CodedError): void {
    if (!this.#threads.delete(thread)) return;
    clearTimeout(thread.idleTimer);
    void thread.worker.terminate();
    if (reason !== undefined) thread.job?.reject(reason);
  }
}

function failureOf(job: { readonly place: string } | undefined, cause: Error | undefined): CodedError {
  const place = at(job?.place ?? '');
  if (cause !== undefined && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new CodedError('RESOURCE_EXHAUSTED', `${place}template needs more memory than there is for it`, { cause });
  }
  return new CodedError('INTERNAL', `${place}the thread of the template failed`, { cause });
}

/** @param place empty before a job has reported one. */
function at(place: string): string {
  return place === '' ? '' : `${place}: `;
}
