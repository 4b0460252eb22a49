import { throwIfAborted } from '../shared/errors.js';
import { BoundedMap } from '../shared/limits/bounded-map.js';
import { rateLimited } from './proxy-error.js';
import { TokenBucket } from '../shared/limits/token-bucket.js';
import type { TokenBucketsLimits } from '../shared/limits/token-buckets.js';

/** Limits of the failed tasks of one key; see `limits.failedReviews`. */
export interface FailureRateLimits extends TokenBucketsLimits {
  /** Maximum wait of a task in milliseconds. */
  readonly longestMs: number;
  /** Maximum number of queued tasks of one key. */
  readonly waiting: number;
}

interface Entry {
  /** Budget of failures. */
  readonly bucket: TokenBucket;
  /** Tasks in flight. Each counts as a failure until it ends. */
  running: number;
  readonly waiting: Set<() => void>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Rate-limits failed tasks per key, such as reviews of forged tokens or of missing permissions. Caching does not help
 * against a client that sends something new each time. Successful tasks are not limited.
 */
export class FailureRateLimiter {
  readonly #limits: FailureRateLimits;
  readonly #now: () => number;
  readonly #entries: BoundedMap<Entry>;

  /** @param now a monotonic clock in milliseconds. */
  constructor(limits: FailureRateLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#entries = new BoundedMap(limits.keys);
  }

  /**
   * Runs a task once the rate of the key permits it.
   * @param isSuccess whether the result counts as a success.
   * @param what the work that there was too much of, for the message.
   * @throws {ProxyError} 429 if the task was not run: the key has too many in the queue, or the task waited too long.
   * @throws errors of the task, which count as successes because they are no evidence against the key; the signal's
   * reason.
   */
  async run<T>(
    key: string,
    task: () => Promise<T>,
    isSuccess: (answer: T) => boolean,
    what: string,
    signal: AbortSignal,
  ): Promise<T> {
    const entry = this.#entryOf(key);
    if (!(await this.#admit(entry))) throw rateLimited(what);
    let hasFailed = false;
    try {
      throwIfAborted(signal);
      const answer = await task();
      hasFailed = !isSuccess(answer);
      return answer;
    } finally {
      entry.running -= 1;
      if (hasFailed) entry.bucket.charge(1);
      this.#admitWaiting(entry);
    }
  }

  #entryOf(key: string): Entry {
    const bucket = (): TokenBucket => new TokenBucket(this.#limits, this.#now);
    const entry = this.#entries.get(key) ?? { bucket: bucket(), running: 0, waiting: new Set(), timer: undefined };
    this.#entries.set(key, entry);
    return entry;
  }

  /** @returns false if the task cannot run in time. */
  #admit(entry: Entry): Promise<boolean> {
    const { longestMs, waiting } = this.#limits;
    if (entry.waiting.size === 0 && this.#waitMs(entry) <= 0) {
      entry.running += 1;
      return Promise.resolve(true);
    }
    if (entry.waiting.size >= waiting) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (isAdmitted: boolean): void => {
        clearTimeout(timer);
        entry.waiting.delete(begin);
        resolve(isAdmitted);
      };
      const begin = (): void => {
        entry.running += 1;
        end(true);
      };
      const timer = setTimeout(end, longestMs, false).unref();
      entry.waiting.add(begin);
      this.#admitWaiting(entry);
    });
  }

  /** Returns the milliseconds until one more task can run; Infinity if one in flight must end first. */
  #waitMs({ bucket, running }: Entry): number {
    return running >= this.#limits.burst ? Infinity : bucket.delayMs(running + 1);
  }

  /** Admits the queued tasks that can run now, and sets a timer for the next one. */
  #admitWaiting(entry: Entry): void {
    clearTimeout(entry.timer);
    for (const begin of entry.waiting) {
      if (this.#waitMs(entry) > 0) break;
      begin();
    }
    if (entry.waiting.size === 0) return;
    const waitMs = this.#waitMs(entry);
    if (waitMs !== Infinity) entry.timer = setTimeout(() => this.#admitWaiting(entry), waitMs).unref();
  }
}
