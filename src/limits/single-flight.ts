import { CodedError, throwIfAborted } from '../errors.js';
import { abortable } from '../abortable.js';

interface SharedCall<T> {
  readonly answer: Promise<T>;
  readonly controller: AbortController;
  callers: number;
  /** There is nothing left to cancel. */
  isOver: boolean;
}

const nobodyWaits = new CodedError('CANCELLED', 'nobody waits for the call any more');

/** Calls that several callers want at once are made once. The last caller to leave early cancels the call. */
export class SingleFlight<T> {
  readonly #calls = new Map<string, SharedCall<T>>();

  /**
   * The answer of the call for `key` that is under way, or of a new one.
   * @param start must not throw before its first await.
   * @throws {CodedError} the signal's reason when it aborts, which ends this caller's wait alone.
   */
  async run(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    throwIfAborted(signal);
    const call = this.#calls.get(key) ?? this.#begin(key, start);
    call.callers += 1;
    try {
      return await abortable(call.answer, signal);
    } finally {
      call.callers -= 1;
      if (call.callers === 0) {
        if (this.#calls.get(key) === call) this.#calls.delete(key);
        if (!call.isOver) call.controller.abort(nobodyWaits);
      }
    }
  }

  #begin(key: string, start: (signal: AbortSignal) => Promise<T>): SharedCall<T> {
    const controller = new AbortController();
    const answer = start(controller.signal).finally(() => (call.isOver = true));
    const call: SharedCall<T> = { answer, controller, callers: 0, isOver: false };
    this.#calls.set(key, call);
    return call;
  }
}
