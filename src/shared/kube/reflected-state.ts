import { setMaxListeners } from 'node:events';
import { isDeepStrictEqual } from 'node:util';
import { abortError, throwIfAborted } from '../errors.ts';
import type { CodedError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { BoundedMap } from '../limits/bounded-map.ts';
import { limits } from '../limits/defaults.ts';
import { KubeError } from './kube-error.ts';
import { metadataText } from './kube-object.ts';
import { objectKey } from '../names.ts';

/** @param object undefined if it was deleted. */
type ChangeListener = (key: string, object: JsonObject | undefined) => void;

/**
 * The state of a reflector. Objects are replaced, never changed, so identity (===) shows whether one has changed. A
 * listener is called once per change, after the change is visible here, and must not throw.
 */
export class ReflectedState {
  readonly #objects = new Map<string, JsonObject>();
  readonly #rejected = new BoundedMap<CodedError>(limits.objects.rejected);
  readonly #listeners = new Set<ChangeListener>();
  readonly #waiters = new Set<() => void>();
  #isSynced = false;
  #confirmedAtMs: number | undefined;
  #error: unknown;
  #abandoned: Error | undefined;

  /** Objects by `objectKey`. */
  get objects(): ReadonlyMap<string, JsonObject> {
    return this.#objects;
  }

  /** Why existing objects are not in `objects`, by `objectKey`: of the newest, if there are many. */
  get rejected(): Pick<BoundedMap<CodedError>, 'get' | 'has' | 'keys' | 'values'> {
    return this.#rejected;
  }

  /** Whether the objects have been listed at least once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** When the server last confirmed this state, by the client's clock. Undefined before the first list. */
  get confirmedAtMs(): number | undefined {
    return this.#confirmedAtMs;
  }

  /** Why the last attempt to list or watch failed; undefined once one has succeeded, and after a healthy watch. */
  get error(): unknown {
    return this.#error;
  }

  /** Registers a listener. @returns removes it. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits for the first list.
   * @throws {KubeError} if the server rejects it for a reason that a retry does not fix (403, 404); {CodedError} the
   * signal's reason, or CANCELLED if the reflector is stopped.
   */
  waitUntilSynced(signal: AbortSignal): Promise<true> {
    return this.waitFor(() => {
      if (this.#isSynced) return true;
      const error = this.#error;
      if (error instanceof KubeError && !error.isTransient && !error.isExpired) throw error;
      return undefined;
    }, signal);
  }

  /**
   * Waits until `find`, called now and after every change, returns a value or throws.
   * @throws {CodedError} the signal's reason, or CANCELLED if the reflector is stopped.
   */
  waitFor<T>(find: () => T | undefined, signal: AbortSignal): Promise<T> {
    // A publish waits for many objects at once under one signal.
    setMaxListeners(0, signal);
    return new Promise((resolve, reject) => {
      const check = (): void => {
        try {
          throwIfAborted(signal);
          const found = find();
          if (found === undefined && this.#abandoned === undefined) return;
          if (found === undefined) throw this.#abandoned ?? abortError(signal);
          resolve(found);
        } catch (error) {
          // An error of `find` is the caller's own.
          reject(error instanceof Error ? error : new Error('the condition failed', { cause: error }));
        }
        this.#waiters.delete(check);
        signal.removeEventListener('abort', check);
      };
      this.#waiters.add(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  /**
   * Takes over a page of a list. Listeners are called for new and changed objects.
   * @param listed with the last page: the keys of all pages. The list is then complete, and other objects are removed.
   */
  putPage(items: readonly JsonObject[], rejected: ReadonlyMap<string, CodedError>, listed?: ReadonlySet<string>): void {
    if (listed !== undefined) {
      this.#isSynced = true;
      this.#error = undefined;
      for (const key of [...this.#rejected.keys()]) if (!listed.has(key)) this.#rejected.delete(key);
      for (const key of [...this.#objects.keys()]) if (!listed.has(key)) this.#set(key, undefined);
    }
    for (const [key, error] of rejected) this.#reject(key, error);
    for (const item of items) {
      // A server restored from a backup uses the same revisions for other changes.
      if (!isDeepStrictEqual(this.#objects.get(keyOf(item)), item)) this.#put(item);
    }
    this.#wake();
  }

  /** Adds or replaces an object. */
  put(object: JsonObject): void {
    this.#put(object);
    this.#wake();
  }

  remove(key: string): void {
    this.#rejected.delete(key);
    this.#set(key, undefined);
    this.#wake();
  }

  /** Records that an object exists but its current version was not admitted. */
  reject(key: string, error: CodedError): void {
    this.#reject(key, error);
    this.#wake();
  }

  confirmed(nowMs: number): void {
    this.#confirmedAtMs = nowMs;
  }

  connected(): void {
    this.#error = undefined;
    this.#wake();
  }

  disconnected(error: unknown): void {
    this.#error = error ?? this.#error;
    this.#wake();
  }

  /** Ends all changes. Waiters fail with the reason. */
  abandon(reason: Error): void {
    this.#abandoned = reason;
    this.#wake();
  }

  #put(object: JsonObject): void {
    const key = keyOf(object);
    this.#rejected.delete(key);
    this.#set(key, object);
  }

  #reject(key: string, error: CodedError): void {
    this.#rejected.set(key, error, key.slice(0, key.indexOf('/') + 1));
    this.#set(key, undefined);
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
