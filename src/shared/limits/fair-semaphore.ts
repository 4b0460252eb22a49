import { onceAborted } from '../abortable.ts';
import { abortError, throwIfAborted } from '../errors.ts';
import type { CodedError } from '../errors.ts';
import type { Owner } from './owner.ts';
import { Counts } from './counts.ts';
import { dynamicShare } from './dynamic-share.ts';
import { FairQueue } from './fair-queue.ts';

interface FairSemaphoreOptions {
  readonly permits: number;
  /** Maximum part of the permits for one namespace, and of the queue that the others leave. Default: all. */
  readonly namespaceShare?: number;
  /** A namespace without a limit of its own, for the program's own tasks. */
  readonly unlimited?: string;
  /** Limit of the queue. Absent: no limit. */
  readonly queue?: QueueLimit;
}

interface QueueLimit {
  readonly length: number;
  /** @param waiting number of queued tasks of the owner's namespace, which has used up its share. */
  readonly rejection: (owner: Owner, waiting: number) => CodedError;
}

/**
 * A fair semaphore. It limits how many tasks run at once, in total and per namespace, so that tasks that never end
 * leave permits to other namespaces. The queue is fair by namespace, then by pod.
 */
export class FairSemaphore {
  readonly #options: FairSemaphoreOptions;
  readonly #queue = new FairQueue<() => void>();
  readonly #perNamespace: number;
  readonly #runningOf = new Counts();
  #running = 0;

  constructor(options: FairSemaphoreOptions) {
    this.#options = options;
    this.#perNamespace = Math.max(1, Math.floor(options.permits * (options.namespaceShare ?? 1)));
  }

  /** Number of permits in use. */
  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Reports whether another task waits for what a task of the namespace uses: one of all permits, or of its share. */
  isWaitedFor(namespace: string): boolean {
    return this.#queue.waitingIn(this.#running < this.#options.permits ? [namespace] : []) > 0;
  }

  /** Runs a task with a permit. @throws as `acquire`; errors of the task. */
  async run<T>(owner: Owner, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    const release = await this.acquire(owner, signal);
    try {
      return await task();
    } finally {
      release();
    }
  }

  /**
   * Acquires a permit.
   * @param kind tasks of one pod are queued fairly by kind.
   * @returns releases the permit. Call it once.
   * @throws {CodedError} the rejection if the queue is full for the namespace; the signal's reason.
   */
  async acquire(owner: Owner, signal: AbortSignal, kind = ''): Promise<() => void> {
    throwIfAborted(signal);
    const path = [owner.namespace, owner.podUid, kind];
    if (this.#running < this.#options.permits && this.#canRun(owner.namespace)) {
      this.#running += 1;
      this.#runningOf.add(owner.namespace);
    } else {
      this.#ensureQueueable(owner);
      await this.#wait(path, owner.namespace, signal);
    }
    this.#queue.charge(path, 1);
    return () => this.#release(owner.namespace);
  }

  /** Runs the next waiting task beyond the permits, because something else that it can use is free. */
  runNext(): void {
    if (this.#queue.length === 0) return;
    this.#running += 1;
    this.#passOn();
  }

  #canRun(namespace: string): boolean {
    return namespace === this.#options.unlimited || this.#runningOf.of(namespace) < this.#perNamespace;
  }

  #wait(path: readonly string[], namespace: string, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const run = (): void => {
        unsubscribe();
        this.#runningOf.add(namespace);
        resolve();
      };
      const giveUp = (): void => {
        this.#queue.remove(path, run);
        reject(abortError(signal));
      };
      this.#queue.add(path, run);
      const unsubscribe = onceAborted(signal, giveUp);
    });
  }

  #ensureQueueable(owner: Owner): void {
    const { queue, namespaceShare = 1 } = this.#options;
    if (queue === undefined) return;
    const own = this.#queue.waitingIn([owner.namespace]);
    if (own + 1 > dynamicShare(queue.length, this.#queue.length - own, namespaceShare))
      throw queue.rejection(owner, own);
  }

  /**
   * Passes the permit on, or frees it. The next task runs in the next iteration of the event loop: hundreds of tasks in
   * a row would block connections and signals.
   */
  #release(namespace: string): void {
    this.#runningOf.subtract(namespace);
    if (this.#queue.length === 0 || this.#running > this.#options.permits) this.#free();
    else setImmediate(() => this.#passOn());
  }

  #passOn(): void {
    const next = this.#queue.dequeue((namespace) => this.#canRun(namespace));
    if (next === undefined) this.#free();
    else next();
  }

  #free(): void {
    this.#running -= 1;
    if (this.#running === 0 && this.#queue.length === 0) this.#queue.reset();
  }
}
