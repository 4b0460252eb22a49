import type { Log } from '../shared/log.js';
import type { LimitName, LimitObserver, RejectionScope } from '../shared/limits/limit-observer.js';

import { driverLimits } from './limits.js';

const { everyMs: intervalMs, keys: maxPods } = driverLimits.messages.rejections;

interface Rejected {
  /** By the monotonic clock. */
  readonly sinceMs: number;
  count: number;
}

/**
 * Logs rejections: the first of each pod and limit at once, then a count at most once a minute. A pod with hundreds of
 * rejected calls must not flood the log; each rejection is an event of the pod anyway.
 */
export class RejectionLog implements LimitObserver {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #rejected = new Map<string, Rejected>();

  /** @param now a monotonic clock in milliseconds. */
  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  rejected(limit: LimitName, scope: RejectionScope, pod: string): void {
    const key = `${limit} ${pod}`;
    const previous = this.#rejected.get(key);
    if (previous !== undefined && this.#now() - previous.sinceMs < intervalMs) {
      previous.count += 1;
      return;
    }
    this.#dropOld();
    if (this.#rejected.size >= maxPods) return;
    this.#rejected.set(key, { sinceMs: this.#now(), count: 0 });
    this.#log.warn('Rejected requests over limit', { limit, scope, pod, count: 1 + (previous?.count ?? 0) });
  }

  #dropOld(): void {
    for (const [key, { sinceMs }] of this.#rejected) {
      if (this.#now() - sinceMs >= intervalMs) this.#rejected.delete(key);
    }
  }
}

/** Returns an observer that counts and logs rejections. */
export function withRejectionLog(counter: LimitObserver, log: Log): LimitObserver {
  const lines = new RejectionLog(log, () => performance.now());
  return {
    rejected: (...rejection) => {
      counter.rejected(...rejection);
      lines.rejected(...rejection);
    },
  };
}
