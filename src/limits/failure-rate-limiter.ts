import { throwIfAborted } from '../errors.js';
import { BoundedMap } from './bounded-map.js';
import { TokenBucket } from './token-bucket.js';
import type { TokenBucketOptions } from './token-bucket.js';

/** Of one asker, questions that come to nothing; see `limits.questions`. */
export interface FailureRateLimits extends TokenBucketOptions {
  /** How long one question waits for its turn, at most. */
  readonly longestMs: number;
  /** Questions of one asker that wait. */
  readonly waiting: number;
  /** Askers that are remembered. */
  readonly askers: number;
}

interface Asker {
  /** What may come to nothing. */
  readonly bucket: TokenBucket;
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
export class FailureRateLimiter {
  readonly #limits: FailureRateLimits;
  readonly #now: () => number;
  readonly #askers: BoundedMap<string, Asker>;

  /** @param now a clock in milliseconds that is never set. */
  constructor(limits: FailureRateLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#askers = new BoundedMap(limits.askers);
  }

  /**
   * Asks a question when its asker's turn has come.
   * @param name of the asker.
   * @param isWorth whether the answer was worth the question.
   * @returns what `ask` does; undefined when there were too many questions before it, and it was not asked.
   * @throws what `ask` does, which counts for worth it: nobody has said that it came to nothing; the signal's reason.
   */
  async run<T>(
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
      if (isFruitless) asker.bucket.consume(1);
      this.#letGo(asker);
    }
  }

  #askerOf(name: string): Asker {
    const bucket = (): TokenBucket => new TokenBucket(this.#limits, this.#now);
    const asker = this.#askers.get(name) ?? { bucket: bucket(), underWay: 0, waiting: new Set(), timer: undefined };
    this.#askers.set(name, asker);
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
  #waitMs({ bucket, underWay }: Asker): number {
    return underWay >= this.#limits.burst ? Infinity : bucket.delayMs(underWay + 1);
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
