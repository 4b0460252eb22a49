import { setMaxListeners } from 'node:events';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { backoffMs } from '../../shared/limits/backoff.ts';
import type { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';

/** Milliseconds until the key is due again; undefined: not until it is added; `retry`: after a backoff. */
export type NextRun = number | 'retry' | undefined;

interface WorkQueueOptions {
  readonly run: (key: string, signal: AbortSignal) => Promise<NextRun>;
  /** Namespace of a key. Those of one namespace share a part of the permits. */
  readonly namespaceOf: (key: string) => string;
  readonly permits: FairSemaphore;
  /** The first delay after a failure, and the longest. */
  readonly retry: { readonly firstMs: number; readonly longestMs: number };
  readonly clock: KubeClient['clock'];
  /** Receives unexpected errors of `run`, after which the key is tried again. */
  readonly onError: (key: string, error: unknown) => void;
}

interface Item {
  timer: NodeJS.Timeout | undefined;
  /** When the timer fires, by the monotonic clock. */
  atMs: number;
  isRunning: boolean;
  /** Whether the key was due while it ran, so that the run can have missed a change. */
  isDueAgain: boolean;
  /** Consecutive failures. */
  failures: number;
}

/** A queue of keys with a due time each, as in client-go. A key runs once at a time. */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #items = new Map<string, Item>();
  #ending = endless();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Schedules a key, unless it is due earlier. */
  add(key: string, delayMs = 0): void {
    const atMs = this.#options.clock.now() + delayMs;
    const item = this.#items.get(key) ?? newItem();
    this.#items.set(key, item);
    if (item.atMs <= atMs) return;
    clearTimeout(item.timer);
    item.atMs = atMs;
    item.timer = setTimeout(() => this.#due(key, item), delayMs).unref();
  }

  /** Aborts the runs, and removes all keys. */
  clear(): void {
    this.#ending.abort();
    this.#ending = endless();
    for (const { timer } of this.#items.values()) clearTimeout(timer);
    this.#items.clear();
  }

  #due(key: string, item: Item): void {
    item.atMs = Infinity;
    if (item.isRunning) item.isDueAgain = true;
    else void this.#run(key, item, this.#ending.signal);
  }

  async #run(key: string, item: Item, signal: AbortSignal): Promise<void> {
    const { retry, clock } = this.#options;
    item.isRunning = true;
    const next = await this.#nextRun(key, signal);
    if (signal.aborted) return;
    item.isRunning = false;
    item.failures = next === 'retry' ? item.failures + 1 : 0;
    if (item.isDueAgain) this.add(key);
    else if (next === 'retry') this.add(key, backoffMs(item.failures, retry.firstMs, retry.longestMs, clock.random));
    else if (next !== undefined) this.add(key, next);
    else if (item.atMs === Infinity) this.#items.delete(key);
    item.isDueAgain = false;
  }

  async #nextRun(key: string, signal: AbortSignal): Promise<NextRun> {
    const { permits, namespaceOf, run, onError } = this.#options;
    try {
      return await permits.run({ namespace: namespaceOf(key), podUid: '' }, signal, () => run(key, signal));
    } catch (error) {
      if (!signal.aborted) onError(key, error);
      return 'retry';
    }
  }
}

function newItem(): Item {
  return { timer: undefined, atMs: Infinity, isRunning: false, isDueAgain: false, failures: 0 };
}

function endless(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
