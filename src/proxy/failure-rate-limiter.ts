import { sleep } from '../shared/abortable.ts';
import { TokenBuckets } from '../shared/limits/token-bucket.ts';
import type { TokenRate } from '../shared/limits/token-bucket.ts';
import { rateLimited } from './proxy-error.ts';

/**
 * Rate-limits failed tasks per key, such as reviews of forged tokens or of missing permissions. Caching does not help
 * against a client that sends something new each time. Tasks in flight count as failures until they end; successful
 * tasks do not count.
 */
export class FailureRateLimiter {
  readonly #longestMs: number;
  readonly #now: () => number;
  readonly #budgets: TokenBuckets;

  /** @param limits see `limits.failedReviews`. @param now a monotonic clock in milliseconds. */
  constructor(limits: TokenRate & { readonly longestMs: number }, now: () => number) {
    this.#longestMs = limits.longestMs;
    this.#now = now;
    this.#budgets = new TokenBuckets(limits, now);
  }

  /**
   * Runs a task once the rate of the key permits it.
   * @param isSuccess whether the result counts as a success.
   * @param what the work that there was too much of, for the message.
   * @throws {ProxyError} 429 if the task was not run because it would have waited too long.
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
    const budget = this.#budgets.of(key);
    const latestMs = this.#now() + this.#longestMs;
    while (!budget.acquire()) {
      const delayMs = budget.delayMs(1);
      if (this.#now() + delayMs > latestMs) throw rateLimited(what);
      // Successes refund their tokens, so a token can be there although others wait longer.
      await sleep(delayMs, signal);
    }
    let hasFailed = false;
    try {
      const answer = await task();
      hasFailed = !isSuccess(answer);
      return answer;
    } finally {
      if (!hasFailed) budget.charge(-1);
    }
  }
}
