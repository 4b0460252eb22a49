import { setMaxListeners } from 'node:events';
import { abortError, throwIfAborted } from './errors.js';

/** Waits for a promise that others wait for too, until the signal aborts. @throws {CodedError} the signal's reason. */
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
 * Waits for a promise for so long at most; undefined when that is not enough. It goes on, and may fail unseen.
 * @throws {CodedError} the signal's reason; what the promise is rejected with.
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

const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when a signal that has not aborted does, for thousands who share it: a signal looks through all its listeners
 * whenever one comes or goes.
 * @returns takes the callback back.
 */
export function onceAborted(signal: AbortSignal, callback: () => void): () => void {
  let all = callbacks.get(signal);
  if (all === undefined) {
    const shared = new Set<() => void>();
    signal.addEventListener('abort', () => shared.forEach((each) => each()), { once: true });
    callbacks.set(signal, shared);
    all = shared;
  }
  all.add(callback);
  return () => void all.delete(callback);
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

/** A signal that follows another one and also aborts after a time. `done` must be called, or the outer one keeps it. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether the time is over, as opposed to the outer signal having aborted. */
  readonly isOver: boolean;
  /** Milliseconds left. */
  readonly remainingMs: number;
  /** Begins the time anew. */
  restart(timeoutMs: number): void;
  done(): void;
}

/** @param now a monotonic clock in milliseconds. */
export function startDeadline(outer: AbortSignal, timeoutMs: number, now: () => number): Deadline {
  const controller = new AbortController();
  let endsAtMs = 0;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  const restart = (ms: number): void => {
    clearTimeout(timer);
    endsAtMs = now() + ms;
    timer = setTimeout(() => {
      isOver = true;
      controller.abort();
    }, ms);
  };
  const follow = (): void => controller.abort(outer.reason);
  // One publish makes many calls at once under one signal; each takes its listener away again.
  setMaxListeners(0, outer);
  if (outer.aborted) follow();
  else outer.addEventListener('abort', follow, { once: true });
  restart(timeoutMs);
  return {
    signal: controller.signal,
    get isOver() {
      return isOver;
    },
    get remainingMs() {
      return endsAtMs - now();
    },
    restart,
    done: () => {
      clearTimeout(timer);
      outer.removeEventListener('abort', follow);
    },
  };
}

/** What may be called off: a signal, or what becomes one when somebody wants to listen. */
export type AbortHandle = AbortSignal | Cancellation;

/**
 * Follows another signal and can be called off by itself. Its signal is made when it is asked for: most calls never wait,
 * and making and following one costs them more than what they look up.
 */
export class Cancellation {
  readonly #outer: AbortHandle;
  #controller: AbortController | undefined;
  #reason: unknown;
  #isCalledOff = false;
  readonly #follow = (): void => this.#controller?.abort(this.#outer.reason);

  constructor(outer: AbortHandle) {
    this.#outer = outer;
  }

  get aborted(): boolean {
    return this.#isCalledOff || this.#outer.aborted;
  }

  get reason(): unknown {
    const outer: { readonly reason: unknown } = this.#outer;
    return this.#isCalledOff ? this.#reason : outer.reason;
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    if (this.aborted) controller.abort(this.reason);
    else signalOf(this.#outer).addEventListener('abort', this.#follow, { once: true });
    return controller.signal;
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.#isCalledOff = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  /** Follows no longer. */
  release(): void {
    if (this.#controller !== undefined) signalOf(this.#outer).removeEventListener('abort', this.#follow);
  }
}

export function signalOf(wanted: AbortHandle): AbortSignal {
  return wanted instanceof Cancellation ? wanted.signal : wanted;
}
