import { Cancellation } from '../../abortable.js';
import type { AbortHandle } from '../../abortable.js';
import { CodedError, throwIfAborted } from '../../errors.js';

interface Holder {
  readonly cancellation: Cancellation;
  /** Whether a publish of the kubelet's takes the volume from it. */
  readonly yields: boolean;
  readonly released: Promise<void>;
}

const over = new CodedError('CANCELLED', 'the call has ended');

/**
 * One call at a time per volume. A publish that finds its volume busy is refused; an unpublish cancels the publish it
 * finds, waits until that has let go, and keeps later publishes out meanwhile, so that a late publish cannot mount
 * again after an unpublish. What the driver does by itself gives way to either.
 */
export class VolumeLocks {
  readonly #holders = new Map<string, Holder>();

  /** Whether no call is running for any of the keys. */
  isFree(keys: readonly string[]): boolean {
    return keys.every((key) => !this.#holders.has(key));
  }

  /**
   * Runs `work` as the only call for the keys (volume id and target path).
   * @param work gets what is also called off when an unpublish wants the volume, and when the work is over.
   * @throws {CodedError} ABORTED when another call holds one of the keys.
   */
  async exclusively<T>(
    keys: readonly string[],
    signal: AbortHandle,
    work: (wanted: Cancellation) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    for (let holders = this.#holdersOf(keys); holders.length > 0; holders = this.#holdersOf(keys)) {
      if (!holders.every(({ yields }) => yields)) throw isBusy();
      await cancel(holders, 'the kubelet calls for the volume itself');
      throwIfAborted(signal);
    }
    return this.#hold(keys, signal, false, work);
  }

  /**
   * Like `exclusively`, for what nobody has asked for: a later call of either kind cancels it.
   * @throws {CodedError} ABORTED when another call holds one of the keys.
   */
  async yieldingly<T>(
    keys: readonly string[],
    signal: AbortHandle,
    work: (wanted: Cancellation) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    if (this.#holdersOf(keys).length > 0) throw isBusy();
    return this.#hold(keys, signal, true, work);
  }

  /** Like `exclusively`, but cancels whoever holds the keys and waits for them to let go. */
  async preemptively<T>(keys: readonly string[], signal: AbortHandle, work: () => Promise<T>): Promise<T> {
    for (let holders = this.#holdersOf(keys); holders.length > 0; holders = this.#holdersOf(keys)) {
      await cancel(holders, 'the volume is being unpublished');
      throwIfAborted(signal);
    }
    return this.#hold(keys, signal, false, work);
  }

  #holdersOf(keys: readonly string[]): readonly Holder[] {
    if (this.isFree(keys)) return [];
    return [...new Set(keys.flatMap((key) => this.#holders.get(key) ?? []))];
  }

  async #hold<T>(
    keys: readonly string[],
    signal: AbortHandle,
    yields: boolean,
    work: (wanted: Cancellation) => Promise<T>,
  ): Promise<T> {
    const cancellation = new Cancellation(signal);
    let release: () => void = () => undefined;
    const holder: Holder = { cancellation, yields, released: new Promise((resolve) => (release = resolve)) };
    for (const key of keys) this.#holders.set(key, holder);
    try {
      return await work(cancellation);
    } finally {
      cancellation.release();
      for (const key of keys) this.#holders.delete(key);
      release();
      // One of several things that it waited for together may have failed: nobody wants the others any more.
      cancellation.abort(over);
    }
  }
}

function isBusy(): CodedError {
  return new CodedError('ABORTED', 'another call for this volume is still running; it will be tried again');
}

/** Ends the calls that hold a volume, and waits until they have let go. */
async function cancel(holders: readonly Holder[], why: string): Promise<void> {
  for (const { cancellation } of holders) cancellation.abort(new CodedError('ABORTED', why));
  await Promise.all(holders.map(({ released }) => released));
}
