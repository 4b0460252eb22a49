import { signalOf } from '../abortable.js';
import type { Wanted } from '../abortable.js';
import { throwIfAborted } from '../errors.js';
import type { Call } from './call.js';
import type { CallOwner } from './call-owner.js';
import type { WorkPlaces } from './work-places.js';

export interface AdmittedCallOptions {
  /** See `Call`. */
  readonly isUnasked?: boolean;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
}

/** A call that has been let in. It waits for a place before it works, and gives it up while it waits for others. */
export class AdmittedCall {
  readonly owner: CallOwner;
  /** Until the call is no longer wanted, or has to make room for others. */
  readonly wanted: Wanted;
  readonly #places: WorkPlaces;
  readonly #isUnasked: boolean;
  readonly #now: () => number;
  /** When it got the place that it has. */
  #placeSinceMs: number | undefined;
  #workedMs = 0;
  /** Waits under way. */
  #waits = 0;
  #isOver = false;

  constructor(owner: CallOwner, wanted: Wanted, places: WorkPlaces, options: AdmittedCallOptions = {}) {
    this.owner = owner;
    this.wanted = wanted;
    this.#places = places;
    this.#isUnasked = options.isUnasked === true;
    this.#now = options.now ?? ((): number => performance.now());
  }

  get signal(): AbortSignal {
    return signalOf(this.wanted);
  }

  /** Whether it is doing something now, as opposed to waiting for it. */
  get isAtWork(): boolean {
    return this.#placeSinceMs !== undefined;
  }

  /** Milliseconds for which it has had a place: nearly all of that is work in this thread. */
  get workedMs(): number {
    return this.#workedMs;
  }

  /**
   * Runs `work` once there is a place. Inside it, `call.idleWhile` gives the place up while it waits.
   * @param wanted the call's own, or a narrower one.
   * @throws {DriverError} RESOURCE_EXHAUSTED when the time is over before there is a place; the signal's reason.
   */
  async atWork<T>(wanted: Wanted, work: (call: Call) => Promise<T>): Promise<T> {
    await this.#places.enter(this.owner, wanted, false);
    this.#placeSinceMs = this.#now();
    try {
      throwIfAborted(wanted);
      return await work({
        owner: this.owner,
        isUnasked: this.#isUnasked,
        get signal() {
          return signalOf(wanted);
        },
        idleWhile: (wait) => this.#idle(wanted, wait),
      });
    } finally {
      this.#isOver = true;
      this.#giveUpPlace();
    }
  }

  /** A call may wait for several things at once: the first wait gives its place up, the last takes one again. */
  async #idle<T>(wanted: Wanted, wait: () => Promise<T>): Promise<T> {
    this.#giveUpPlace();
    this.#waits += 1;
    const result = await wait().finally(() => (this.#waits -= 1));
    if (this.#waits === 0) await this.#resume(wanted);
    return result;
  }

  async #resume(wanted: Wanted): Promise<void> {
    await this.#places.enter(this.owner, wanted, true);
    // Another wait of the call may have ended it meanwhile, or have taken a place again.
    if (this.#isOver || this.isAtWork) this.#places.leave();
    else this.#placeSinceMs = this.#now();
  }

  #giveUpPlace(): void {
    if (this.#placeSinceMs === undefined) return;
    this.#workedMs += this.#now() - this.#placeSinceMs;
    this.#placeSinceMs = undefined;
    this.#places.leave();
  }
}
