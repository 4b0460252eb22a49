import type { Clock, Moment } from '../clock.js';
import { BoundedMap } from '../limits/bounded-map.js';
import { limits } from '../limits/defaults.js';

interface Decision {
  readonly isAllowed: boolean;
  /** When the review started: the decision can be as old as that. */
  readonly startedAt: Moment;
}

/** Lifetimes of decisions in the cache. */
export interface DecisionTtls {
  readonly allowedTtlMs: number;
  readonly deniedTtlMs: number;
}

const maxDecisions = limits.access.decisions;

/**
 * Cache of review decisions, by `permissionKey`. The age is the larger one of two clocks: the wall clock can be set
 * back, and the monotonic clock stops while the machine is suspended.
 */
export class DecisionCache {
  readonly #clock: Clock;
  readonly #monotonicNow: () => number;
  readonly #lifetimes: DecisionTtls;
  readonly #allowed = new BoundedMap<Decision>(maxDecisions);
  readonly #denied = new BoundedMap<Decision>(maxDecisions);

  /** @param monotonicNow a monotonic clock in milliseconds. */
  constructor(clock: Clock, monotonicNow: () => number, lifetimes: DecisionTtls) {
    this.#clock = clock;
    this.#monotonicNow = monotonicNow;
    this.#lifetimes = lifetimes;
  }

  now(): Moment {
    return { wallMs: this.#clock.now(), monotonicMs: this.#monotonicNow() };
  }

  /** Returns the decision; undefined if it is missing or expired. */
  get(key: string): boolean | undefined {
    const decision = this.#find(key);
    if (decision === undefined) return undefined;
    const { isAllowed, startedAt } = decision;
    const { wallMs, monotonicMs } = this.now();
    const ageMs = Math.max(wallMs - startedAt.wallMs, monotonicMs - startedAt.monotonicMs);
    const { allowedTtlMs, deniedTtlMs } = this.#lifetimes;
    return ageMs < (isAllowed ? allowedTtlMs : deniedTtlMs) ? isAllowed : undefined;
  }

  /** Returns the last decision, however old: a hint at the next one. */
  hint(key: string): boolean | undefined {
    return this.#find(key)?.isAllowed;
  }

  forget(key: string): void {
    this.#allowed.delete(key);
    this.#denied.delete(key);
  }

  /**
   * Stores a decision, unless the cached one comes from a review that started later: reviews can overtake each other.
   * @param namespace of the service account.
   */
  put(key: string, isAllowed: boolean, startedAt: Moment, namespace: string): void {
    const cached = this.#find(key);
    if (cached !== undefined && cached.startedAt.monotonicMs > startedAt.monotonicMs) return;
    this.forget(key);
    const decisions = isAllowed ? this.#allowed : this.#denied;
    decisions.set(key, { isAllowed, startedAt }, namespace);
  }

  #find(key: string): Decision | undefined {
    return this.#allowed.get(key) ?? this.#denied.get(key);
  }
}
