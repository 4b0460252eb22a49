import { setMaxListeners } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { abortError, throwIfAborted } from '../errors.js';
import type { CodedError } from '../errors.js';
import type { JsonObject } from '../json.js';
import { KubeError } from './kube-error.js';
import { metadataText, objectKey } from './kube-object.js';

/** @param object undefined: it was deleted. */
export type ChangeListener = (key: string, object: JsonObject | undefined) => void;

/**
 * What a reflector knows. Objects are replaced, never changed, so identity (===) tells whether one has changed. A
 * listener is called once per change, after it can be seen here, and must not throw.
 */
export class ReflectedState {
  readonly #objects = new Map<string, JsonObject>();
  readonly #refused = new Map<string, CodedError>();
  readonly #listeners = new Set<ChangeListener>();
  readonly #waiters = new Set<() => void>();
  #isSynced = false;
  #isConnected = false;
  #disconnectedAtMs: number | undefined;
  #confirmedAtMs: number | undefined;
  #error: unknown;
  #abandoned: Error | undefined;

  /** By `objectKey`. */
  get objects(): ReadonlyMap<string, JsonObject> {
    return this.#objects;
  }

  /** Why objects that are there are not in `objects`, by `objectKey`. */
  get refused(): ReadonlyMap<string, CodedError> {
    return this.#refused;
  }

  /** Whether the objects have been listed at least once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** Whether a watch is open, so that the state is what the server has but for the time a change is on its way. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Since when no watch is open, by the client's clock; undefined while one is, and before the first attempt. */
  get disconnectedAtMs(): number | undefined {
    return this.#disconnectedAtMs;
  }

  /**
   * When the server last said something that this state takes in, by the client's clock: until then it was the server's.
   * Undefined before the first list.
   */
  get confirmedAtMs(): number | undefined {
    return this.#confirmedAtMs;
  }

  /** Why the last attempt to list or watch failed; undefined once one has succeeded. */
  get error(): unknown {
    return this.#error;
  }

  /** @returns takes the listener away. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits for the first list.
   * @throws {KubeError} when the server refuses it for a reason that waiting does not mend (403, 404);
   * {CodedError} the signal's reason, or CANCELLED when the reflector is stopped.
   */
  waitUntilSynced(signal: AbortSignal): Promise<true> {
    return this.waitFor(() => {
      if (this.#isSynced) return true;
      if (this.#error instanceof KubeError && !this.#error.isTransient) throw this.#error;
      return undefined;
    }, signal);
  }

  /**
   * Waits until `probe`, asked now and after every change, gives something or throws.
   * @throws {CodedError} the signal's reason, or CANCELLED when the reflector is stopped.
   */
  waitFor<T>(probe: () => T | undefined, signal: AbortSignal): Promise<T> {
    // A publish waits for many objects at once under one signal.
    setMaxListeners(0, signal);
    return new Promise((resolve, reject) => {
      const check = (): void => {
        try {
          throwIfAborted(signal);
          const found = probe();
          if (found === undefined && this.#abandoned === undefined) return;
          if (found === undefined) throw this.#abandoned ?? abortError(signal);
          resolve(found);
        } catch (error) {
          // Whatever the probe throws is the caller's own.
          reject(error instanceof Error ? error : new Error('the probe failed', { cause: error }));
        }
        this.#waiters.delete(check);
        signal.removeEventListener('abort', check);
      };
      this.#waiters.add(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  /** The whole set as listed: tells of what is new, changed or gone. */
  replace(items: readonly JsonObject[], refused: ReadonlyMap<string, CodedError> = new Map()): void {
    const listed = new Map(items.map((item) => [keyOf(item), item]));
    this.#isSynced = true;
    this.#error = undefined;
    this.#refused.clear();
    for (const [key, error] of refused) this.#refused.set(key, error);
    for (const key of [...this.#objects.keys()]) if (!listed.has(key)) this.#set(key, undefined);
    for (const [key, item] of listed) {
      const known = this.#objects.get(key);
      // After a restore from a backup, revisions are given to other changes than before.
      if (!known || versionOf(known) !== versionOf(item) || !isDeepStrictEqual(known, item)) this.#set(key, item);
    }
    this.#wake();
  }

  /** An object is new or has changed. */
  put(object: JsonObject): void {
    const key = keyOf(object);
    this.#refused.delete(key);
    this.#set(key, object);
    this.#wake();
  }

  remove(key: string): void {
    this.#refused.delete(key);
    this.#set(key, undefined);
    this.#wake();
  }

  /** The object is there, but not as it was last seen, and cannot be taken as it is now. */
  refuse(key: string, error: CodedError): void {
    this.#refused.set(key, error);
    this.#set(key, undefined);
    this.#wake();
  }

  confirmed(nowMs: number): void {
    this.#confirmedAtMs = nowMs;
  }

  connected(): void {
    this.#isConnected = true;
    this.#disconnectedAtMs = undefined;
    this.#error = undefined;
    this.#wake();
  }

  disconnected(nowMs: number, error: unknown): void {
    this.#isConnected = false;
    this.#disconnectedAtMs ??= nowMs;
    this.#error = error ?? this.#error;
    this.#wake();
  }

  /** Nothing will change any more. */
  abandon(reason: Error): void {
    this.#isConnected = false;
    this.#abandoned = reason;
    this.#wake();
  }

  #set(key: string, object: JsonObject | undefined): void {
    if (this.#abandoned !== undefined) return;
    if (object === undefined) {
      if (!this.#objects.delete(key)) return;
    } else this.#objects.set(key, object);
    for (const listener of [...this.#listeners]) listener(key, object);
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }
}

function keyOf(object: JsonObject): string {
  return objectKey({ namespace: metadataText(object, 'namespace'), name: metadataText(object, 'name') ?? '' });
}

function versionOf(object: JsonObject): string | undefined {
  return metadataText(object, 'resourceVersion');
}
