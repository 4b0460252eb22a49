import v8 from 'node:v8';
import { Worker } from 'node:worker_threads';
import { CodedError, abortError, throwIfAborted } from '../errors.js';
import { FairQueue } from '../limits/fair-queue.js';
import { threadTimeMs } from './thread-time.js';

/** A message that a thread of WorkerPool sends during a job. */
export type ThreadMessage<Output> =
  /** The thread has started. See thread-time.ts for its task. */
  | { readonly kind: 'ready'; readonly task: string | undefined }
  /** The current position in the job, for messages. */
  | { readonly kind: 'at'; readonly place: string }
  /** Slow work begins, which takes long by intention. */
  | { readonly kind: 'slow' }
  | { readonly kind: 'done'; readonly output: Output };

/** The owner of a job. Shares are equal between namespaces, and within one between its groups. */
export interface JobGroup {
  readonly namespace: string;
  readonly group: string;
}

export interface WorkerPoolOptions {
  /** The built file that a thread runs. */
  readonly entry: URL;
  /** Name of a job in messages, such as "template". */
  readonly noun: string;
  /** Ends the message for a rejected job: "the kubelet will retry". */
  readonly retry: string;
  /** Maximum number of threads. One namespace has at most one, so with two no namespace delays another. */
  readonly threads: number;
  /** Maximum number of queued jobs of one namespace. */
  readonly waitingEach: number;
  /**
   * CPU time limit of a job, so a busy machine ends no job. It is a time where the kernel does not show CPU time. Each piece of slow work that the job reports extends it by `slowMs`.
   */
  readonly jobMs: number;
  readonly slowMs: number;
  /** Time limit of the start of a thread, which then sends `ready`, and longest duration of any job. */
  readonly startMs: number;
  /** How long an idle thread is kept. */
  readonly idleMs: number;
  /** Heap limit of a thread. */
  readonly heapMb: number;
}

interface Job<Input, Output> {
  readonly input: Input;
  readonly path: readonly [namespace: string, group: string];
  readonly resolve: (output: Output) => void;
  readonly reject: (error: CodedError) => void;
}

interface Thread<Input, Output> {
  readonly worker: Worker;
  job: RunningJob<Input, Output> | undefined;
  idleTimer: NodeJS.Timeout | undefined;
  isReady: boolean;
  /** See `ready`. */
  task: string | undefined;
}

interface RunningJob<Input, Output> extends Job<Input, Output> {
  startMs: number;
  /** CPU time of the thread when its limit was checked first. */
  usedMs: number | undefined;
  /** Position that the job reported last. */
  place: string;
  timer: NodeJS.Timeout;
  /** Time limit of the job, with its extensions. */
  allowedMs: number;
}

/** A job that exceeds its time or memory, and would again. */
export class JobLimitExceeded extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super('RESOURCE_EXHAUSTED', message, options);
  }
}

/**
 * Runs jobs in threads that can be terminated. A job that takes long, never ends or takes all memory does not block the
 * event loop, which serves calls. Without jobs there is no thread.
 */
export class WorkerPool<Input, Output> {
  readonly #options: WorkerPoolOptions;
  readonly #queue = new FairQueue<Job<Input, Output>>();
  readonly #threads = new Set<Thread<Input, Output>>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Returns the numbers of threads and queued jobs, for metrics. */
  get load(): { readonly threads: number; readonly waiting: number } {
    return { threads: this.#threads.size, waiting: this.#queue.length };
  }

  /**
   * Runs a job in a thread. Input and output are plain data.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the job takes too long or too much memory, or its namespace has too many
   * in the queue; INTERNAL if the thread fails; the signal's reason, which ends the job.
   */
  run(input: Input, { namespace, group }: JobGroup, signal: AbortSignal): Promise<Output> {
    throwIfAborted(signal);
    const waiting = this.#queue.waitingIn([namespace]);
    const { waitingEach, noun, retry } = this.#options;
    if (waiting >= waitingEach) {
      throw new CodedError(
        'RESOURCE_EXHAUSTED',
        `${waiting} ${noun}s of namespace ${namespace} already wait for a thread; ${retry}`,
      );
    }
    return new Promise((resolve, reject) => {
      const settled = (): void => signal.removeEventListener('abort', giveUp);
      const job: Job<Input, Output> = {
        input,
        path: [namespace, group],
        resolve: (output) => {
          settled();
          resolve(output);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      };
      const giveUp = (): void => this.#giveUp(job, abortError(signal));
      signal.addEventListener('abort', giveUp, { once: true });
      this.#queue.add(job.path, job);
      this.#startJobs();
    });
  }

  /** Terminates all threads. Queued and running jobs fail. */
  stop(): void {
    const reason = new CodedError('UNAVAILABLE', `the program is stopping; ${this.#options.retry}`);
    for (let job = this.#queue.dequeue(() => true); job !== undefined; job = this.#queue.dequeue(() => true)) {
      job.reject(reason);
    }
    for (const thread of this.#threads) this.#end(thread, reason);
  }

  #giveUp(job: Job<Input, Output>, reason: CodedError): void {
    this.#queue.remove(job.path, job);
    for (const thread of this.#threads) {
      if (thread.job?.input === job.input) this.#end(thread, reason);
    }
    job.reject(reason);
    this.#startJobs();
  }

  #startJobs(): void {
    for (let thread = this.#freeThread(); thread !== undefined; thread = this.#freeThread()) {
      const busy = new Set([...this.#threads].map(({ job }) => job?.path[0]));
      const job = this.#queue.dequeue((namespace) => !busy.has(namespace));
      if (job === undefined) return;
      this.#start(thread === 'new' ? this.#newThread() : thread, job);
    }
  }

  #freeThread(): Thread<Input, Output> | 'new' | undefined {
    if (this.#queue.length === 0) return undefined;
    for (const thread of this.#threads) if (thread.job === undefined) return thread;
    return this.#threads.size < this.#options.threads ? 'new' : undefined;
  }

  #newThread(): Thread<Input, Output> {
    const { entry, heapMb, noun } = this.#options;
    // The flag has precedence over the limit of a thread. The heaps that there are keep their size.
    v8.setFlagsFromString('--max-old-space-size=0');
    const resourceLimits = { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 4 };
    const worker = new Worker(entry, { execArgv: [], env: {}, resourceLimits });
    const thread: Thread<Input, Output> = {
      worker,
      job: undefined,
      idleTimer: undefined,
      isReady: false,
      task: undefined,
    };
    this.#threads.add(thread);
    worker.on('message', (message: ThreadMessage<Output>) => this.#onMessage(thread, message));
    worker.on('error', (cause) => this.#end(thread, failureOf(thread.job, noun, cause)));
    worker.on('exit', () => this.#end(thread, failureOf(thread.job, noun, undefined)));
    return thread;
  }

  #start(thread: Thread<Input, Output>, job: Job<Input, Output>): void {
    const { jobMs, startMs } = this.#options;
    clearTimeout(thread.idleTimer);
    thread.worker.ref();
    const timer = setTimeout(() => this.#onTimeUp(thread), thread.isReady ? jobMs : startMs);
    thread.job = { ...job, startMs: performance.now(), usedMs: undefined, place: '', timer, allowedMs: jobMs };
    thread.worker.postMessage(job.input);
  }

  #onMessage(thread: Thread<Input, Output>, message: ThreadMessage<Output>): void {
    const { job } = thread;
    if (message.kind === 'ready') {
      thread.isReady = true;
      thread.task = message.task;
      if (job === undefined) return;
      job.startMs = performance.now();
      this.#restartTimer(thread, job);
      return;
    }
    if (job === undefined) return;
    if (message.kind === 'at') job.place = message.place;
    else if (message.kind === 'slow') this.#allowMore(thread, job);
    else this.#finish(thread, job, message.output);
  }

  #allowMore(thread: Thread<Input, Output>, job: RunningJob<Input, Output>): void {
    job.allowedMs += this.#options.slowMs;
    this.#restartTimer(thread, job);
  }

  #restartTimer(thread: Thread<Input, Output>, job: RunningJob<Input, Output>): void {
    clearTimeout(job.timer);
    const remainingMs = Math.max(0, job.startMs + job.allowedMs - performance.now());
    job.timer = setTimeout(() => this.#onTimeUp(thread), remainingMs);
  }

  #finish(thread: Thread<Input, Output>, job: RunningJob<Input, Output>, output: Output): void {
    this.#release(thread, job);
    job.resolve(output);
    this.#startJobs();
    if (this.#threads.has(thread) && thread.job === undefined) {
      thread.worker.unref();
      thread.idleTimer = setTimeout(() => this.#end(thread), this.#options.idleMs).unref();
    }
  }

  #onTimeUp(thread: Thread<Input, Output>): void {
    const { job } = thread;
    if (job === undefined) return;
    if (!thread.isReady) {
      this.#end(thread, new CodedError('UNAVAILABLE', 'the thread did not start in time'));
      return;
    }
    if (this.#hasTimeLeft(thread, job)) {
      job.timer = setTimeout(() => this.#onTimeUp(thread), job.allowedMs);
      return;
    }
    const seconds = (job.allowedMs / 1000).toString();
    this.#end(thread, new JobLimitExceeded(`${at(job.place)}${this.#options.noun} takes more than ${seconds} s`));
  }

  /** Reports whether the thread has used less CPU time than the job's limit since this was asked first. */
  #hasTimeLeft({ task }: Thread<Input, Output>, job: RunningJob<Input, Output>): boolean {
    if (task === undefined || performance.now() - job.startMs > this.#options.startMs) return false;
    const usedMs = threadTimeMs(task);
    if (usedMs === undefined) return false;
    job.usedMs ??= usedMs;
    return usedMs - job.usedMs < job.allowedMs;
  }

  /** Terminates the thread, and rejects its job with the reason. */
  #end(thread: Thread<Input, Output>, reason?: CodedError): void {
    if (!this.#threads.delete(thread)) return;
    clearTimeout(thread.idleTimer);
    const { job } = thread;
    if (job !== undefined) this.#release(thread, job);
    void thread.worker.terminate();
    if (reason !== undefined) job?.reject(reason);
    this.#startJobs();
  }

  #release(thread: Thread<Input, Output>, job: RunningJob<Input, Output>): void {
    clearTimeout(job.timer);
    thread.job = undefined;
    this.#queue.charge(job.path, performance.now() - job.startMs);
    if (this.#queue.length === 0 && [...this.#threads].every((other) => other.job === undefined)) this.#queue.reset();
  }
}

function failureOf(job: { readonly place: string } | undefined, noun: string, cause: Error | undefined): CodedError {
  const place = at(job?.place ?? '');
  if (cause !== undefined && 'code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return new JobLimitExceeded(`${place}${noun} needs more memory than there is for it`, { cause });
  }
  return new CodedError('INTERNAL', `${place}the thread of the ${noun} failed`, { cause });
}

/** @param place empty for jobs that report none. */
function at(place: string): string {
  return place === '' ? '' : `${place}: `;
}
