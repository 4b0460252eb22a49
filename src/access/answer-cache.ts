import type { Clock, Moment } from '../clock.js';

interface Answer {
  readonly isAllowed: boolean;
  /** When the question was asked: an answer may be as old as that. */
  readonly askedAt: Moment;
}

/** An allowed permission that is withdrawn still counts for so long. */
export const allowedForMs = 60_000;
/** A denied permission that is granted is noticed after so long. */
export const deniedForMs = 5_000;
export interface AnswerLifetimes {
  readonly allowedForMs: number;
  readonly deniedForMs: number;
}

/** A node has 110 pods with a handful of connectors each; beyond it the answers that were asked first are forgotten. */
const maxAnswers = 4096;

/**
 * Answers of access reviews by `permissionKey`. Their age is what either clock says, whichever says more: one may be
 * set back, the other stands still while the machine is suspended.
 */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #steadyNow: () => number;
  readonly #lifetimes: AnswerLifetimes;
  readonly #answers = new Map<string, Answer>();

  /** @param steadyNow a clock in milliseconds that is never set. */
  constructor(clock: Clock, steadyNow: () => number, lifetimes: AnswerLifetimes = { allowedForMs, deniedForMs }) {
    this.#clock = clock;
    this.#steadyNow = steadyNow;
    this.#lifetimes = lifetimes;
  }

  now(): Moment {
    return { wallMs: this.#clock.now(), steadyMs: this.#steadyNow() };
  }

  /** Undefined: not known, or too old to count. */
  get(key: string): boolean | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    const { isAllowed, askedAt } = answer;
    const { wallMs, steadyMs } = this.now();
    const ageMs = Math.max(wallMs - askedAt.wallMs, steadyMs - askedAt.steadyMs);
    const { allowedForMs: allowedMs, deniedForMs: deniedMs } = this.#lifetimes;
    return ageMs < (isAllowed ? allowedMs : deniedMs) ? isAllowed : undefined;
  }

  /** The last answer however old it is: a hint at what the next one will be. */
  hint(key: string): boolean | undefined {
    return this.#answers.get(key)?.isAllowed;
  }

  forget(key: string): void {
    this.#answers.delete(key);
  }

  /** An answer never replaces one that was asked for later: questions may overtake each other. */
  put(key: string, isAllowed: boolean, askedAt: Moment): void {
    const known = this.#answers.get(key);
    if (known !== undefined && known.askedAt.steadyMs > askedAt.steadyMs) return;
    this.#answers.delete(key);
    this.#answers.set(key, { isAllowed, askedAt });
    if (this.#answers.size > maxAnswers) this.#answers.delete(this.#answers.keys().next().value ?? '');
  }
}
