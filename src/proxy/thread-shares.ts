import { threadCpuUsage } from 'node:process';
import { sleep } from '../shared/abortable.ts';
import type { TokenBucket } from '../shared/limits/token-bucket.ts';
import { TokenBuckets } from '../shared/limits/token-buckets.ts';
import { proxyLimits } from './limits.ts';
import { rateLimited } from './proxy-error.ts';

/** Reports the CPU time of this thread, in milliseconds. */
function threadCpuMs(): number {
  const { user, system } = threadCpuUsage();
  return (user + system) / 1000;
}

/**
 * The shares of the only thread, by namespace; for clients without a token by address. Work that blocks the thread is
 * measured, or has a price, and charged to the namespace that caused it. While a share is overdrawn, the next such work of
 * the namespace waits. Work of other namespaces does not.
 */
export class ThreadShares {
  readonly #budgets: TokenBuckets;
  readonly #now: () => number;
  readonly #cpuMs: () => number;

  /** @param now a monotonic clock in milliseconds. @param cpuMs the CPU time of the thread. */
  constructor(now: () => number, cpuMs: () => number = threadCpuMs) {
    this.#budgets = new TokenBuckets(proxyLimits.thread, now);
    this.#now = now;
    this.#cpuMs = cpuMs;
  }

  /** Returns the share of a holder, in milliseconds. */
  of(holder: string): TokenBucket {
    return this.#budgets.of(holder);
  }

  /**
   * Ensures that the share of a holder is not overdrawn.
   * @param what the work that there was too much of, for the message.
   * @throws {ProxyError} 429
   */
  ensureFree(holder: string, what: string): void {
    if (this.of(holder).delayMs(0) > 0) throw rateLimited(what);
  }

  /** Runs a task that blocks the thread, and charges the time. */
  measure<T>(holder: string, task: () => T): T {
    const startMs = this.#cpuMs();
    try {
      return task();
    } finally {
      this.of(holder).charge(this.#cpuMs() - startMs);
    }
  }

  /** Charges work that has a price. @returns the milliseconds that it has to wait. */
  delayMs(holder: string, priceMs: number): number {
    const share = this.of(holder);
    const delayMs = Math.min(share.delayMs(0), proxyLimits.thread.longestMs);
    // Clients that leave instead of waiting must not delay others for longer.
    if (delayMs < proxyLimits.thread.longestMs) share.charge(priceMs);
    return delayMs;
  }

  /**
   * Waits while the share of a holder is overdrawn.
   * @param what as for `ensureFree`.
   * @throws {ProxyError} 429 if the wait would be too long; {CodedError} the signal's reason.
   */
  async wait(holder: string, what: string, signal: AbortSignal): Promise<void> {
    const latestMs = this.#now() + proxyLimits.thread.longestMs;
    const share = this.of(holder);
    for (let delayMs = share.delayMs(0); delayMs > 0; delayMs = share.delayMs(0)) {
      if (this.#now() + delayMs > latestMs) throw rateLimited(what);
      await sleep(delayMs, signal);
    }
  }
}
