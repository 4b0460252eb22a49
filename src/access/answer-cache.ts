import type { Clock } from '../volume/ports.js';

interface Answer {
  readonly isAllowed: boolean;
  /** Milliseconds since the epoch when the question was asked: the answer may be as old as that. */
  readonly askedAtMs: number;
}

/** An allowed permission that is withdrawn still counts for so long. */
export const allowedForMs = 60_000;
/** A denied permission that is granted is noticed after so long. */
export const deniedForMs = 5_000;
/** A node has 110 pods with a handful of connectors each; beyond it the answers that were asked first are forgotten. */
const maxAnswers = 4096;

/** Answers of access reviews by `permissionKey`. */
export class AnswerCache {
  readonly #clock: Clock;
  readonly #answers = new Map<string, Answer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined: not known, or too old to count. */
  get(key: string): boolean | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    const ageMs = this.#clock.now() - answer.askedAtMs;
    // A clock that was set back makes no answer last longer.
    if (ageMs < 0 || ageMs >= (answer.isAllowed ? allowedForMs : deniedForMs)) return undefined;
    return answer.isAllowed;
  }

  /** The last answer however old it is: a hint at what the next one will be. */
  hint(key: string): boolean | undefined {
    return this.#answers.get(key)?.isAllowed;
  }

  /** An answer never replaces one that was asked for later: questions may overtake each other. */
  put(key: string, answer: Answer): void {
    const known = this.#answers.get(key);
    if (known !== undefined && known.askedAtMs > answer.askedAtMs && known.askedAtMs <= this.#clock.now()) return;
    this.#answers.delete(key);
    this.#answers.set(key, answer);
    if (this.#answers.size > maxAnswers) this.#answers.delete(this.#answers.keys().next().value ?? '');
  }
}
