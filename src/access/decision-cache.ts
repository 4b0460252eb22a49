import type { Clock, Moment } from '../clock.js';
import { FairMap } from '../limits/fair-map.js';
import { limits } from '../limits/defaults.js';

interface Answer {
  readonly isAllowed: boolean;
  /** When the question was asked: an answer may be as old as that. */
  readonly askedAt: Moment;
}

export const allowedTtlMs = limits.access.allowedTtlMs;
export const deniedTtlMs = limits.access.deniedTtlMs;
export interface DecisionTtls {
  readonly allowedTtlMs: number;
  readonly deniedTtlMs: number;
}

const maxAnswers = limits.access.decisions;

/**
 * Answers of access reviews by `permissionKey`. Their age is what either clock says, whichever says more: one may be
 * set back, the other stands still while the machine is suspended.
 */
export class DecisionCache {
  readonly #clock: Clock;
  readonly #monotonicNow: () => number;
  readonly #lifetimes: DecisionTtls;
  readonly #allowed = new FairMap<Answer>(maxAnswers);
  readonly #denied = new FairMap<Answer>(maxAnswers);

  /** @param monotonicNow a monotonic clock in milliseconds. */
  constructor(clock: Clock, monotonicNow: () => number, lifetimes: DecisionTtls = { allowedTtlMs, deniedTtlMs }) {
    this.#clock = clock;
    this.#monotonicNow = monotonicNow;
    this.#lifetimes = lifetimes;
  }

  now(): Moment {
    return { wallMs: this.#clock.now(), monotonicMs: this.#monotonicNow() };
  }

  /** Undefined: not known, or too old to count. */
  get(key: string): boolean | undefined {
    const answer = this.#known(key);
    if (answer === undefined) return undefined;
    const { isAllowed, askedAt } = answer;
    const { wallMs, monotonicMs } = this.now();
    const ageMs = Math.max(wallMs - askedAt.wallMs, monotonicMs - askedAt.monotonicMs);
    const { allowedTtlMs: allowedMs, deniedTtlMs: deniedMs } = this.#lifetimes;
    return ageMs < (isAllowed ? allowedMs : deniedMs) ? isAllowed : undefined;
  }

  /** The last answer however old it is: a hint at what the next one will be. */
  hint(key: string): boolean | undefined {
    return this.#known(key)?.isAllowed;
  }

  forget(key: string): void {
    this.#allowed.delete(key);
    this.#denied.delete(key);
  }

  /**
   * An answer never replaces one that was asked for later: questions may overtake each other.
   * @param namespace of the account.
   */
  put(key: string, isAllowed: boolean, askedAt: Moment, namespace: string): void {
    const known = this.#known(key);
    if (known !== undefined && known.askedAt.monotonicMs > askedAt.monotonicMs) return;
    this.forget(key);
    const answers = isAllowed ? this.#allowed : this.#denied;
    answers.set(key, { isAllowed, askedAt }, namespace);
  }

  #known(key: string): Answer | undefined {
    return this.#allowed.get(key) ?? this.#denied.get(key);
  }
}
