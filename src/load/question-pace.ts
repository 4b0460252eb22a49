import { throwIfAborted } from '../errors.js';

/** Of one asker; see `limits.questions`. */
export interface QuestionLimits {
  /** Questions that come to nothing, in one go. */
  readonly burst: number;
  /** One more in so many milliseconds from then on. */
  readonly everyMs: number;
  /** How long one question waits for its turn, at most. */
  readonly longestMs: number;
  /** Questions of one asker that wait. */
  readonly waiting: number;
  /** Askers that are remembered. */
  readonly askers: number;
}

interface Asker {
  /** From when on what came to nothing would be within the pace again (the time of arrival of GCRA). */
  dueMs: number;
  /** Questions that may yet come to nothing: each counts as if it had. */
  underWay: number;
  readonly waiting: Set<() => void>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Slows down who has others asked about what comes to nothing: forged tokens, rights that are not there. Answers can be
 * remembered, but whoever makes up something new each time has each question asked. So what comes to nothing has a pace,
 * for each asker by itself; what is worth its answer has none.
 */
export class QuestionPace {
  readonly #limits: QuestionLimits;
  readonly #now: () => number;
  readonly #askers = new Map<string, Asker>();

  /** @param now a clock in milliseconds that is never set. */
  constructor(limits: QuestionLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * Asks a question when its asker's turn has come.
   * @param name of the asker.
   * @param isWorth whether the answer was worth the question.
   * @returns what `ask` does; undefined when there were too many questions before it, and it was not asked.
   * @throws what `ask` does, which counts for worth it: nobody has said that it came to nothing; the signal's reason.
   */
  async ask<T>(
    name: string,
    ask: () => Promise<T>,
    isWorth: (answer: T) => boolean,
    signal: AbortSignal,
  ): Promise<{ readonly answer: T } | undefined> {
    const asker = this.#askerOf(name);
    if (!(await this.#turn(asker))) return undefined;
    let isFruitless = false;
    try {
      throwIfAborted(signal);
      const answer = await ask();
      isFruitless = !isWorth(answer);
      return { answer };
    } finally {
      asker.underWay -= 1;
      if (isFruitless) asker.dueMs = Math.max(asker.dueMs, this.#now()) + this.#limits.everyMs;
      this.#letGo(asker);
    }
  }

  #askerOf(name: string): Asker {
    const asker = this.#askers.get(name) ?? { dueMs: 0, underWay: 0, waiting: new Set(), timer: undefined };
    // Those who have asked last stay.
    this.#askers.delete(name);
    this.#askers.set(name, asker);
    if (this.#askers.size > this.#limits.askers) this.#askers.delete(this.#askers.keys().next().value ?? '');
    return asker;
  }

  /** Takes a place among the questions that are under way. @returns false when there is none in time. */
  #turn(asker: Asker): Promise<boolean> {
    const { longestMs, waiting } = this.#limits;
    if (asker.waiting.size === 0 && this.#waitMs(asker) <= 0) {
      asker.underWay += 1;
      return Promise.resolve(true);
    }
    if (asker.waiting.size >= waiting) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (isTurn: boolean): void => {
        clearTimeout(timer);
        asker.waiting.delete(begin);
        resolve(isTurn);
      };
      const begin = (): void => {
        asker.underWay += 1;
        end(true);
      };
      const timer = setTimeout(end, longestMs, false).unref();
      asker.waiting.add(begin);
      this.#letGo(asker);
    });
  }

  /** Until another question is within the pace if nobody is asking; Infinity: first one that is under way has to end. */
  #waitMs({ dueMs, underWay }: Asker): number {
    const { burst, everyMs } = this.#limits;
    const debtMs = Math.max(dueMs - this.#now(), 0);
    if (underWay >= burst) return Infinity;
    return debtMs + (underWay + 1 - burst) * everyMs;
  }

  /** Those who wait and have a turn now, and a timer for the next one. */
  #letGo(asker: Asker): void {
    clearTimeout(asker.timer);
    for (const begin of asker.waiting) {
      if (this.#waitMs(asker) > 0) break;
      begin();
    }
    if (asker.waiting.size === 0) return;
    const waitMs = this.#waitMs(asker);
    if (waitMs !== Infinity) asker.timer = setTimeout(() => this.#letGo(asker), waitMs).unref();
  }
}
