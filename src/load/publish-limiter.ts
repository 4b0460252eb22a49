import { DriverError, abortError } from '../errors.js';
import type { Call } from './call.js';

/** A running call's share of the limit. */
interface Place {
  isTaken: boolean;
  /** Waits under way. */
  waits: number;
  isOver: boolean;
}

/**
 * Bounds how many publishes work at once, so that a herd after a kubelet restart costs time and not memory. Calls
 * beyond the bound queue in order, up to their deadline.
 */
export class PublishLimiter {
  readonly #limit: number;
  #running = 0;
  readonly #queue: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  /**
   * Runs `work` once there is room. Inside it, `call.idleWhile` gives the room up while it waits.
   * @throws {DriverError} RESOURCE_EXHAUSTED when the signal fires while the call queues.
   */
  async run<T>(signal: AbortSignal, work: (call: Omit<Call, 'owner'>) => Promise<T>): Promise<T> {
    await this.#enter(signal);
    const place: Place = { isTaken: true, waits: 0, isOver: false };
    try {
      return await work({ signal, idleWhile: (wait) => this.#idle(place, signal, wait) });
    } finally {
      place.isOver = true;
      if (place.isTaken) this.#leave();
    }
  }

  /** A call may wait for several things at once: the first wait gives its place up, the last takes one again. */
  async #idle<T>(place: Place, signal: AbortSignal, wait: () => Promise<T>): Promise<T> {
    if (place.isTaken) this.#leave();
    place.isTaken = false;
    place.waits += 1;
    const result = await wait().finally(() => (place.waits -= 1));
    if (place.waits === 0) await this.#resume(place, signal);
    return result;
  }

  async #resume(place: Place, signal: AbortSignal): Promise<void> {
    await this.#enter(signal);
    // Another wait of the call may have ended it meanwhile, or have taken the place again.
    if (place.isOver || place.isTaken) this.#leave();
    else place.isTaken = true;
  }

  async #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortError(signal);
    if (this.#running < this.#limit) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const take = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#queue.splice(this.#queue.indexOf(take), 1);
        reject(this.#queueFailure(abortError(signal)));
      };
      this.#queue.push(take);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Time that ran out in the queue is the queue's fault; a call that nobody wants any more says so. */
  #queueFailure(reason: DriverError): DriverError {
    if (reason.code !== 'DEADLINE_EXCEEDED') return reason;
    return new DriverError(
      'RESOURCE_EXHAUSTED',
      `too many publishes at once on this node (${this.#running} running, ${this.#queue.length} waiting); it will be tried again`,
      { cause: reason },
    );
  }

  /** Hands the place to the first in the queue, or frees it. */
  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running -= 1;
    else next();
  }
}
