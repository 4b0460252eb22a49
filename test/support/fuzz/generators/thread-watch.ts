import { loadavg } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { threadTimeMs } from '../../../../src/process/thread-time.js';
import type { ThreadMessage } from '../../../../src/process/worker-pool.js';

export interface ThreadReport {
  /** The longest that a turn of the main thread took, in its CPU time and by the clock. */
  readonly holdCpuMs: number;
  readonly holdWallMs: number;
  /** Turns that took over 50 ms of CPU time. */
  readonly stalls: number;
  readonly threads: number;
  /** The longest that a terminated thread used the processor afterwards. */
  readonly afterEndMs: number;
  readonly rssMinBytes: number;
  readonly rssMaxBytes: number;
  readonly loadMin: number;
  readonly loadMax: number;
}

const everyMs = 2;
const stallMs = 50;
const mainTask = `/proc/self/task/${process.pid}`;

/**
 * Measures the turns of the main thread, and what threads do after their end. CPU time is the thread's own as the kernel
 * counts it: it has the accuracy of a timer tick, and excludes waiting for a processor.
 */
export class ThreadWatch {
  readonly #timer: NodeJS.Timeout;
  readonly #onWorker = (worker: Worker): void => this.#watch(worker);
  readonly #ending = new Map<Worker, { readonly task: string; readonly startMs: number }>();
  readonly #tasks = new Map<Worker, string>();
  readonly #report: { -readonly [K in keyof ThreadReport]: ThreadReport[K] } = {
    holdCpuMs: 0,
    holdWallMs: 0,
    stalls: 0,
    threads: 0,
    afterEndMs: 0,
    rssMinBytes: Infinity,
    rssMaxBytes: 0,
    loadMin: Infinity,
    loadMax: 0,
  };
  #cpuMs = threadTimeMs(mainTask) ?? 0;
  #wallMs = performance.now();
  #turns = 0;

  constructor() {
    process.on('worker', this.#onWorker);
    this.#timer = setInterval(() => this.#tick(), everyMs);
  }

  stop(): ThreadReport {
    this.#tick();
    clearInterval(this.#timer);
    process.off('worker', this.#onWorker);
    return this.#report;
  }

  #tick(): void {
    const report = this.#report;
    const [cpuMs, wallMs] = [threadTimeMs(mainTask) ?? 0, performance.now()];
    const usedMs = cpuMs - this.#cpuMs;
    report.holdCpuMs = Math.max(report.holdCpuMs, usedMs);
    report.holdWallMs = Math.max(report.holdWallMs, wallMs - this.#wallMs - everyMs);
    if (usedMs > stallMs) report.stalls += 1;
    [this.#cpuMs, this.#wallMs] = [cpuMs, wallMs];
    for (const { task, startMs } of this.#ending.values()) {
      report.afterEndMs = Math.max(report.afterEndMs, (threadTimeMs(task) ?? 0) - startMs);
    }
    this.#turns += 1;
    if (this.#turns % 100 !== 1) return;
    const rss = process.memoryUsage.rss();
    report.rssMinBytes = Math.min(report.rssMinBytes, rss);
    report.rssMaxBytes = Math.max(report.rssMaxBytes, rss);
    const [load = 0] = loadavg();
    report.loadMin = Math.min(report.loadMin, load);
    report.loadMax = Math.max(report.loadMax, load);
  }

  #watch(worker: Worker): void {
    this.#report.threads += 1;
    worker.on('message', (message: ThreadMessage<unknown>) => {
      if (message.kind === 'ready' && message.task !== undefined) this.#tasks.set(worker, message.task);
    });
    const terminate = worker.terminate.bind(worker);
    worker.terminate = () => {
      const task = this.#tasks.get(worker);
      if (task !== undefined) this.#ending.set(worker, { task, startMs: threadTimeMs(task) ?? 0 });
      return terminate();
    };
    worker.on('exit', () => {
      this.#tasks.delete(worker);
      this.#ending.delete(worker);
    });
  }
}
