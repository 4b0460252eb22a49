import { CodedError, throwIfAborted } from '../../shared/errors.ts';
import type { PublishContext } from './ports.ts';
import type { FlowKey } from '../../shared/limits/flow-key.ts';
import type { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';

/** An admitted publish. It has a slot only while it runs, and releases it while it waits. */
export class PublishPermit {
  readonly owner: FlowKey;
  readonly isBackground: boolean;
  /** Aborts when the caller cancels. */
  readonly signal: AbortSignal;
  readonly #slots: FairSemaphore;
  /** Releases the slot that the call has. */
  #release: (() => void) | undefined;
  /** Waits in progress. */
  #waits = 0;
  #isOver = false;

  /** @param isBackground as in `PublishContext`. */
  constructor(owner: FlowKey, signal: AbortSignal, slots: FairSemaphore, isBackground = false) {
    this.owner = owner;
    this.signal = signal;
    this.#slots = slots;
    this.isBackground = isBackground;
  }

  /**
   * Acquires a slot and runs `work`, which can release the slot with `call.releaseSlotWhile`.
   * @param signal the call's own or a narrower one.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the deadline passes before a slot is free; the signal's reason.
   */
  async runInSlot<T>(signal: AbortSignal, work: (call: PublishContext) => Promise<T>): Promise<T> {
    this.#release = await this.#acquire(signal, 'new');
    try {
      throwIfAborted(signal);
      const { owner, isBackground } = this;
      const releaseSlotWhile: PublishContext['releaseSlotWhile'] = (wait) => this.#releaseSlotWhile(signal, wait);
      return await work({ owner, isBackground, signal, releaseSlotWhile });
    } finally {
      this.#isOver = true;
      this.#releaseSlot();
    }
  }

  /** @param kind a resuming call holds results, so it does not wait behind all new ones. */
  async #acquire(signal: AbortSignal, kind: 'new' | 'resuming'): Promise<() => void> {
    throwIfAborted(signal);
    try {
      return await this.#slots.acquire(this.owner, signal, kind);
    } catch (error) {
      // A deadline that passes in the queue is reported as overload. A cancelled call keeps its own reason.
      if (!(error instanceof CodedError) || error.code !== 'DEADLINE_EXCEEDED') throw error;
      const { running, waiting } = this.#slots;
      throw new CodedError(
        'RESOURCE_EXHAUSTED',
        `too many publishes at once on this node (${running} running, ${waiting} waiting); the kubelet will retry`,
        { cause: error },
      );
    }
  }

  /** Releases the slot during a wait. Waits can overlap: the first releases the slot, the last acquires it again. */
  async #releaseSlotWhile<T>(signal: AbortSignal, wait: () => Promise<T>): Promise<T> {
    this.#releaseSlot();
    this.#waits += 1;
    const result = await wait().finally(() => (this.#waits -= 1));
    if (this.#waits === 0) await this.#resume(signal);
    return result;
  }

  async #resume(signal: AbortSignal): Promise<void> {
    const release = await this.#acquire(signal, 'resuming');
    // Another wait of the call can end it meanwhile, or acquire a slot first.
    if (this.#isOver || this.#release !== undefined) release();
    else this.#release = release;
  }

  #releaseSlot(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
