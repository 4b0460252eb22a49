import { onceAborted } from '../../shared/abortable.ts';
import { CodedError, throwIfAborted } from '../../shared/errors.ts';

interface Holder {
  readonly controller: AbortController;
  /** Whether a publish of the kubelet takes the lock from it. */
  readonly yields: boolean;
  readonly released: Promise<void>;
}

const ended = new CodedError('CANCELLED', 'the call has ended');

/**
 * Locks that permit one call at a time per volume. A publish of a busy volume is rejected. An unpublish cancels the
 * running publish, waits for its end, and blocks later publishes meanwhile, so that none can mount after it. The
 * driver's own calls yield to both.
 */
export class VolumeLocks {
  readonly #holders = new Map<string, Holder>();

  /** Reports whether no call is running for any of the keys. */
  isFree(keys: readonly string[]): boolean {
    return keys.every((key) => !this.#holders.has(key));
  }

  /**
   * Runs `work` as the only call for the keys (volume id and target path).
   * @param work gets a signal that is also aborted when an unpublish needs the volume, and when the work has ended.
   * @throws {CodedError} ABORTED if another call holds one of the keys.
   */
  async exclusively<T>(
    keys: readonly string[],
    signal: AbortSignal,
    work: (cancellation: AbortSignal) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    for (let holders = this.#holdersOf(keys); holders.length > 0; holders = this.#holdersOf(keys)) {
      if (!holders.every(({ yields }) => yields)) throw busyError();
      await cancel(holders, 'the kubelet calls for the volume itself');
      throwIfAborted(signal);
    }
    return this.#hold(keys, signal, false, work);
  }

  /**
   * Runs `work` like `exclusively`, for the driver's own calls: any later call cancels it.
   * @throws {CodedError} ABORTED if another call holds one of the keys.
   */
  async yieldingly<T>(
    keys: readonly string[],
    signal: AbortSignal,
    work: (cancellation: AbortSignal) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    if (this.#holdersOf(keys).length > 0) throw busyError();
    return this.#hold(keys, signal, true, work);
  }

  /** Runs `work` like `exclusively`, but cancels the calls that hold the keys and waits for their end. */
  async preemptively<T>(keys: readonly string[], signal: AbortSignal, work: () => Promise<T>): Promise<T> {
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
    signal: AbortSignal,
    yields: boolean,
    work: (cancellation: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    const unsubscribe = onceAborted(signal, () => controller.abort(signal.reason));
    let release: () => void = () => undefined;
    const holder: Holder = { controller, yields, released: new Promise((resolve) => (release = resolve)) };
    for (const key of keys) this.#holders.set(key, holder);
    try {
      return await work(controller.signal);
    } finally {
      unsubscribe();
      for (const key of keys) this.#holders.delete(key);
      release();
      // If one of several parallel operations failed, the results of the others are not needed.
      controller.abort(ended);
    }
  }
}

function busyError(): CodedError {
  return new CodedError('ABORTED', 'another call for this volume is still running; the kubelet will retry');
}

/** Aborts the calls that hold a volume, and waits for their end. */
async function cancel(holders: readonly Holder[], why: string): Promise<void> {
  for (const { controller } of holders) controller.abort(new CodedError('ABORTED', why));
  await Promise.all(holders.map(({ released }) => released));
}
