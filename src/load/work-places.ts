import { signalOf } from '../abortable.js';
import type { Wanted } from '../abortable.js';
import { DriverError, abortError, throwIfAborted } from '../errors.js';
import type { CallOwner } from './call-owner.js';
import { FairQueue } from './fair-queue.js';

/**
 * Bounds how many calls work at once. Who finds no place waits for one in a queue in which namespaces take turns, then the
 * pods of each, up to its deadline.
 */
export class WorkPlaces {
  readonly #limit: number;
  readonly #queue = new FairQueue<() => void>();
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  /**
   * @param isResuming whether the call has worked before and holds what it made then: it does not wait behind all new ones.
   * @throws {DriverError} the signal's reason; RESOURCE_EXHAUSTED when that is the end of the call's time.
   */
  async enter(owner: CallOwner, wanted: Wanted, isResuming: boolean): Promise<void> {
    throwIfAborted(wanted);
    const path = pathOf(owner, isResuming);
    if (this.#taken < this.#limit) {
      this.#taken += 1;
      this.#queue.used(path, 1);
      return;
    }
    const signal = signalOf(wanted);
    await new Promise<void>((resolve, reject) => {
      const take = (): void => {
        signal.removeEventListener('abort', giveUp);
        this.#queue.used(path, 1);
        resolve();
      };
      const giveUp = (): void => {
        this.#queue.remove(path, take);
        reject(this.#failure(abortError(signal)));
      };
      this.#queue.add(path, take);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /**
   * Hands the place to the next in turn, or frees it. The next one begins when the event loop has come round: hundreds of
   * volumes one after the other would keep everything else waiting, connections and signals included.
   */
  leave(): void {
    if (this.#queue.length === 0) this.#free();
    else setImmediate(() => this.#handOn());
  }

  #handOn(): void {
    const next = this.#queue.next(() => true);
    if (next === undefined) this.#free();
    else next();
  }

  #free(): void {
    if ((this.#taken -= 1) === 0) this.#queue.forget();
  }

  /** Time that ran out in the queue is the queue's fault; a call that nobody wants any more says so. */
  #failure(reason: DriverError): DriverError {
    if (reason.code !== 'DEADLINE_EXCEEDED') return reason;
    return new DriverError(
      'RESOURCE_EXHAUSTED',
      `too many publishes at once on this node (${this.#taken} running, ${this.#queue.length} waiting); it will be tried again`,
      { cause: reason },
    );
  }
}

function pathOf({ namespace, podUid }: CallOwner, isResuming: boolean): readonly string[] {
  return [namespace, podUid, isResuming ? 'resuming' : 'new'];
}
