import type { Log } from '../log.js';
import type { LimitName, LimitObserver, RejectionScope } from './limit-observer.js';

/** Milliseconds in which one line tells of all refusals of one pod. */
const intervalMs = 60_000;
/** Pods that are told apart; more than a node has. */
const maxPods = 1000;

interface Refused {
  /** On a clock that is never set. */
  readonly sinceMs: number;
  count: number;
}

/**
 * Logs what is refused: the first of each pod and bound at once, then their number once a minute at the most. Who makes
 * hundreds of calls that are one too many shall not fill the log with them; each is an event of its pod anyway.
 */
export class RejectionLog implements LimitObserver {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #refused = new Map<string, Refused>();

  /** @param now a monotonic clock in milliseconds. */
  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  refused(limit: LimitName, scope: RejectionScope, pod: string): void {
    const key = `${limit} ${pod}`;
    const known = this.#refused.get(key);
    if (known !== undefined && this.#now() - known.sinceMs < intervalMs) {
      known.count += 1;
      return;
    }
    this.#forgetOld();
    if (this.#refused.size >= maxPods) return;
    this.#refused.set(key, { sinceMs: this.#now(), count: 0 });
    this.#log.warn('Rejected requests over limit', { limit, scope, pod, count: 1 + (known?.count ?? 0) });
  }

  #forgetOld(): void {
    for (const [key, { sinceMs }] of this.#refused) {
      if (this.#now() - sinceMs >= intervalMs) this.#refused.delete(key);
    }
  }
}

/** Counts and logs what limits reject. */
export function withRejectionLog(counter: LimitObserver, log: Log): LimitObserver {
  const lines = new RejectionLog(log, () => performance.now());
  return {
    refused: (...refusal) => {
      counter.refused(...refusal);
      lines.refused(...refusal);
    },
  };
}
