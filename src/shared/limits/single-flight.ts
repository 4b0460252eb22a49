import { CodedError, throwIfAborted } from '../errors.ts';
import { abortable } from '../abortable.ts';

interface SharedCall<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  callers: number;
  /** Whether the call has ended, so that there is nothing to cancel. */
  isOver: boolean;
}

const noCallerLeft = new CodedError('CANCELLED', 'no caller waits for the call any more');

/** Deduplicates concurrent calls with the same key. A call is cancelled when its last caller leaves. */
export class SingleFlight<T> {
  readonly #calls = new Map<string, SharedCall<T>>();

  /**
   * Joins the call in flight for `key`, or starts it.
   * @param start must not throw before its first await.
   * @throws {CodedError} the signal's reason, which ends only this caller's wait.
   */
  async run(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const call = this.#calls.get(key) ?? this.#begin(key, start);
    call.callers += 1;
    try {
      return await abortable(call.result, signal);
    } finally {
      call.callers -= 1;
      if (call.callers === 0) {
        if (this.#calls.get(key) === call) this.#calls.delete(key);
        if (!call.isOver) call.controller.abort(noCallerLeft);
      }
    }
  }

  /** Reports whether a call with this key is in flight. */
  has(key: string): boolean {
    return this.#calls.get(key)?.isOver === false;
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): SharedCall<T> {
    const controller = new AbortController();
    const result = start(controller.signal).finally(() => (call.isOver = true));
    const call: SharedCall<T> = { result, controller, callers: 0, isOver: false };
    this.#calls.set(key, call);
    return call;
  }
}
