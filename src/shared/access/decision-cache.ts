import { BoundedMap } from '../limits/bounded-map.ts';
import { limits } from '../limits/defaults.ts';

interface Decision {
  readonly isAllowed: boolean;
  /** When the review started: the decision can be as old as that. */
  readonly startedMs: number;
}

/** Lifetimes of decisions in the cache. */
export interface DecisionTtls {
  readonly allowedTtlMs: number;
  readonly deniedTtlMs: number;
}

const maxDecisions = limits.access.decisions;

/** Cache of review decisions, by `permissionKey`. */
export class DecisionCache {
  /** A monotonic clock in milliseconds: the wall clock can be set back. */
  readonly now: () => number;
  readonly #lifetimes: DecisionTtls;
  readonly #allowed = new BoundedMap<Decision>(maxDecisions);
  readonly #denied = new BoundedMap<Decision>(maxDecisions);

  constructor(monotonicNow: () => number, lifetimes: DecisionTtls) {
    this.now = monotonicNow;
    this.#lifetimes = lifetimes;
  }

  /** Returns the decision; undefined if it is missing or expired. */
  get(key: string): boolean | undefined {
    const decision = this.#find(key);
    if (decision === undefined) return undefined;
    const { isAllowed, startedMs } = decision;
    const { allowedTtlMs, deniedTtlMs } = this.#lifetimes;
    return this.now() - startedMs < (isAllowed ? allowedTtlMs : deniedTtlMs) ? isAllowed : undefined;
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
  put(key: string, isAllowed: boolean, startedMs: number, namespace: string): void {
    const cached = this.#find(key);
    if (cached !== undefined && cached.startedMs > startedMs) return;
    this.forget(key);
    const decisions = isAllowed ? this.#allowed : this.#denied;
    decisions.set(key, { isAllowed, startedMs }, namespace);
  }

  #find(key: string): Decision | undefined {
    return this.#allowed.get(key) ?? this.#denied.get(key);
  }
}
