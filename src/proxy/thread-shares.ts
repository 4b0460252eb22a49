import { sleep } from '../shared/abortable.ts';
import { threadTimeMs } from '../shared/clock.ts';
import { BoundedMap } from '../shared/limits/bounded-map.ts';
import { TokenBucket } from '../shared/limits/token-bucket.ts';
import type { TokenRate } from '../shared/limits/token-bucket.ts';
import { proxyLimits } from './limits.ts';
import { rateLimited } from './proxy-error.ts';

const { light, lightOfAddress, common, longestMs, floodMs } = proxyLimits.thread;

/** The share of one holder. */
export class ThreadShare {
  readonly #own: TokenBucket;
  /** Its part that other holders cannot use up. */
  readonly #light: TokenBucket;
  readonly #common: TokenBucket;
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  /** @param ofAll what all holders use beyond that. */
  constructor(now: () => number, lightRate: TokenRate, ofAll: TokenBucket) {
    this.#own = new TokenBucket(proxyLimits.thread, now);
    this.#light = new TokenBucket(lightRate, now);
    this.#common = ofAll;
  }

  /** Charges milliseconds of the thread, and overdraws the share if necessary. */
  charge(ms: number): void {
    this.#own.charge(ms);
    // A read costs more than is left for sure: the next one waits for that.
    const isOverdrawn = this.#light.delayMs(-floodMs) > 0;
    (isOverdrawn ? this.#common : this.#light).charge(ms);
  }

  /** Whether so much is overdrawn that waiting would take too long. Only work whose cost is known afterwards can do that. */
  get isExhausted(): boolean {
    return this.#own.delayMs(0) > longestMs;
  }

  /** Returns the milliseconds until work may begin, and leaves `reservedMs` of the share; 0 for now. */
  delayMs(reservedMs = 0): number {
    return Math.max(this.#own.delayMs(reservedMs), Math.min(this.#light.delayMs(0), this.#common.delayMs(0)));
  }

  /**
   * Calls back once a read or handshake of a connection may begin. Those that wait begin one in a turn of the event loop,
   * because what it costs is known after it.
   * @returns ends the wait. A connection that closes calls it: otherwise thousands that have closed stay in memory.
   */
  whenFree(begin: () => void): () => void {
    if (this.#waiting.size === 0 && this.delayMs() === 0) begin();
    else {
      this.#waiting.add(begin);
      if (this.#timer === undefined) this.#beginLater();
    }
    return () => this.#waiting.delete(begin);
  }

  #beginLater(): void {
    const beginNext = (): void => {
      const [begin] = this.delayMs() === 0 ? this.#waiting : [];
      if (begin !== undefined) {
        this.#waiting.delete(begin);
        begin();
      }
      this.#timer = undefined;
      if (this.#waiting.size > 0) this.#beginLater();
    };
    this.#timer = setTimeout(beginNext, Math.min(this.delayMs() + 1, longestMs));
  }
}

/**
 * The shares of the only thread, by namespace; for clients without a token by address. Work that blocks the thread is
 * measured, or has a price, and charged to the namespace that caused it. While a share is overdrawn, the next such work of
 * the namespace waits. Work of other namespaces does not: what many have together is limited too.
 */
export class ThreadShares {
  readonly #shares = new BoundedMap<ThreadShare>(4096);
  readonly #common: TokenBucket;
  readonly #now: () => number;
  readonly #cpuMs: () => number;

  /** @param now a monotonic clock in milliseconds. @param cpuMs the CPU time of the thread. */
  constructor(now: () => number, cpuMs: () => number = threadTimeMs) {
    this.#common = new TokenBucket(common, now);
    this.#now = now;
    this.#cpuMs = cpuMs;
  }

  of(holder: string): ThreadShare {
    const rate = holder.startsWith('address ') ? lightOfAddress : light;
    const share = this.#shares.get(holder) ?? new ThreadShare(this.#now, rate, this.#common);
    // A client can have many addresses, which evict no namespace. Only they have dots or colons.
    this.#shares.set(holder, share, /[.:]/.test(holder) ? 'addresses' : 'namespaces');
    return share;
  }

  /** Reports whether a share is exhausted. Only then it counts as used: each request looks at those that are not. */
  isExhausted(holder: string): boolean {
    return this.#shares.get(holder)?.isExhausted === true && this.of(holder).isExhausted;
  }

  /** Ensures that the share of a holder is not overdrawn. @throws {ProxyError} 429 that names the work `what`. */
  ensureFree(holder: string, what: string): void {
    if (this.of(holder).delayMs() > 0) throw rateLimited(what);
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

  /**
   * Waits while the share of a holder is overdrawn.
   * @param what as for `ensureFree`.
   * @throws {ProxyError} 429 if the wait would be too long; {CodedError} the signal's reason.
   */
  async wait(holder: string, what: string, signal: AbortSignal): Promise<void> {
    const latestMs = this.#now() + longestMs;
    const share = this.of(holder);
    for (let delayMs = share.delayMs(); delayMs > 0; delayMs = share.delayMs()) {
      if (this.#now() + delayMs > latestMs) throw rateLimited(what);
      await sleep(delayMs, signal);
    }
  }

  /** Charges work that has a price at once, and waits until it may begin, after those that wait already. @throws as `wait`. */
  async waitForTurn(holder: string, what: string, signal: AbortSignal, priceMs: number): Promise<void> {
    const share = this.of(holder);
    const delayMs = share.delayMs();
    if (delayMs > longestMs) throw rateLimited(what);
    share.charge(priceMs);
    if (delayMs > 0) await sleep(delayMs, signal);
  }
}
