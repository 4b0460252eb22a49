import { setMaxListeners } from 'node:events';
import { abortError, throwIfAborted } from './errors.ts';

/** The signal of requests that continue without their callers. Each has a timeout of its own. */
export const neverAborted = new AbortController().signal;
setMaxListeners(0, neverAborted);

/** Waits for a shared promise until the signal aborts. @throws {CodedError} the signal's reason. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Waits for a promise for at most `timeoutMs`. After a timeout the promise continues, and its rejection is ignored.
 * @returns undefined after a timeout.
 * @throws {CodedError} the signal's reason; the promise's rejection.
 */
export async function withTimeout<T>(
  promise: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  promise.catch(() => undefined);
  throwIfAborted(signal);
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), timeoutMs)));
  try {
    return await abortable(Promise.race([promise, timeUp]), signal);
  } finally {
    clearTimeout(timer);
  }
}

/** The callbacks of each signal, in an array because a Set retains removed elements (docs/dev/decisions/0033). */
const callbacks = new WeakMap<AbortSignal, (() => void)[]>();

/**
 * Calls back once when a signal that has not aborted yet aborts, the latest callback first. A signal compares all its
 * listeners when one is added or removed, so thousands of callbacks share one listener.
 * @returns removes the callback.
 */
export function onceAborted(signal: AbortSignal, callback: () => void): () => void {
  let all = callbacks.get(signal);
  if (all === undefined) {
    const shared: (() => void)[] = [];
    const callAll = (): void => {
      for (let next = shared.pop(); next !== undefined; next = shared.pop()) next();
    };
    signal.addEventListener('abort', callAll, { once: true });
    callbacks.set(signal, shared);
    all = shared;
  }
  all.push(callback);
  return () => {
    const at = all.indexOf(callback);
    if (at !== -1) all.splice(at, 1);
  };
}

/** Sleeps until the signal aborts. @throws {CodedError} the signal's reason. */
export async function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  let timer: NodeJS.Timeout | undefined;
  try {
    await abortable(new Promise<void>((resolve) => (timer = setTimeout(resolve, delayMs))), signal);
  } finally {
    clearTimeout(timer);
  }
}

/** A signal that follows another one and also aborts after a timeout. Call `done`, or the outer signal retains it. */
export class Deadline {
  readonly #outer: AbortSignal;
  readonly #now: () => number;
  readonly #controller = new AbortController();
  #endsAtMs = 0;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #follow = (): void => this.#controller.abort(this.#outer.reason);

  private constructor(outer: AbortSignal, now: () => number) {
    this.#outer = outer;
    this.#now = now;
  }

  /** Starts a deadline. @param now a monotonic clock in milliseconds. */
  static start(outer: AbortSignal, timeoutMs: number, now: () => number): Deadline {
    const deadline = new Deadline(outer, now);
    // One publish makes many calls at once under one signal. Each call removes its listener.
    setMaxListeners(0, outer);
    if (outer.aborted) deadline.#follow();
    else outer.addEventListener('abort', deadline.#follow, { once: true });
    deadline.restart(timeoutMs);
    return deadline;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the timeout has passed, as opposed to the outer signal having aborted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Milliseconds until the timeout. */
  get remainingMs(): number {
    return this.#endsAtMs - this.#now();
  }

  /** Restarts the timeout. */
  restart(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#endsAtMs = this.#now() + timeoutMs;
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      this.#controller.abort();
    }, timeoutMs);
  }

  /** Stops the timeout and stops following the outer signal. */
  done(): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#follow);
  }
}
