import { signalOf } from '../abortable.js';
import type { AbortHandle } from '../abortable.js';
import { CodedError, throwIfAborted } from '../errors.js';
import type { Call } from './call.js';
import type { FlowKey } from './flow-key.js';
import type { FairSemaphore } from './fair-semaphore.js';

export interface AdmittedCallOptions {
  /** See `Call`. */
  readonly isUnasked?: boolean;
  /** A monotonic clock in milliseconds. */
  readonly now?: () => number;
}

/** A call that has been let in. It waits for a slot before it works, and releases it while it waits. */
export class AdmittedCall {
  readonly owner: FlowKey;
  /** Until the call is no longer wanted, or has to make room for others. */
  readonly wanted: AbortHandle;
  readonly #slots: FairSemaphore;
  readonly #isUnasked: boolean;
  readonly #now: () => number;
  /** The slot that it has, and since when. */
  #slot: { readonly release: () => void; readonly sinceMs: number } | undefined;
  #workedMs = 0;
  /** Waits under way. */
  #waits = 0;
  #isOver = false;

  constructor(owner: FlowKey, wanted: AbortHandle, slots: FairSemaphore, options: AdmittedCallOptions = {}) {
    this.owner = owner;
    this.wanted = wanted;
    this.#slots = slots;
    this.#isUnasked = options.isUnasked === true;
    this.#now = options.now ?? ((): number => performance.now());
  }

  get signal(): AbortSignal {
    return signalOf(this.wanted);
  }

  /** Whether it is doing something now, as opposed to waiting for it. */
  get isAtWork(): boolean {
    return this.#slot !== undefined;
  }

  /** Milliseconds for which it has had a slot: nearly all of that is work in this thread. */
  get workedMs(): number {
    return this.#workedMs;
  }

  /**
   * Runs `work` once there is a slot. Inside it, `call.releaseSlotWhile` releases the slot while it waits.
   * @param wanted the call's own, or a narrower one.
   * @throws {CodedError} RESOURCE_EXHAUSTED when the time is over before there is a slot; the signal's reason.
   */
  async atWork<T>(wanted: AbortHandle, work: (call: Call) => Promise<T>): Promise<T> {
    this.#slot = { release: await this.#acquire(wanted, 'new'), sinceMs: this.#now() };
    try {
      throwIfAborted(wanted);
      return await work({
        owner: this.owner,
        isUnasked: this.#isUnasked,
        get signal() {
          return signalOf(wanted);
        },
        releaseSlotWhile: (wait) => this.#idle(wanted, wait),
      });
    } finally {
      this.#isOver = true;
      this.#releaseSlot();
    }
  }

  /** @param kind a call that has worked before, and holds what it made then, does not wait behind all new ones. */
  async #acquire(wanted: AbortHandle, kind: 'new' | 'resuming'): Promise<() => void> {
    throwIfAborted(wanted);
    try {
      return await this.#slots.acquire(this.owner, wanted, kind);
    } catch (error) {
      // Time that ran out in the queue is the queue's fault; a call that is no longer wanted says so.
      if (!(error instanceof CodedError) || error.code !== 'DEADLINE_EXCEEDED') throw error;
      const { running, waiting } = this.#slots;
      throw new CodedError(
        'RESOURCE_EXHAUSTED',
        `too many publishes at once on this node (${running} running, ${waiting} waiting); it will be tried again`,
        { cause: error },
      );
    }
  }

  /** A call may wait for several things at once: the first wait releases its slot, the last acquires one again. */
  async #idle<T>(wanted: AbortHandle, wait: () => Promise<T>): Promise<T> {
    this.#releaseSlot();
    this.#waits += 1;
    const result = await wait().finally(() => (this.#waits -= 1));
    if (this.#waits === 0) await this.#resume(wanted);
    return result;
  }

  async #resume(wanted: AbortHandle): Promise<void> {
    const release = await this.#acquire(wanted, 'resuming');
    // Another wait of the call may have ended it meanwhile, or have taken a slot again.
    if (this.#isOver || this.isAtWork) release();
    else this.#slot = { release, sinceMs: this.#now() };
  }

  #releaseSlot(): void {
    if (this.#slot === undefined) return;
    const { release, sinceMs } = this.#slot;
    this.#workedMs += this.#now() - sinceMs;
    this.#slot = undefined;
    release();
  }
}
