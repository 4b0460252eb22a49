import { CodedError, orThrow } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import { parsedOnce } from '../../shared/per-object.ts';
import { Reflector } from '../../shared/kube/reflector.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import type { Log } from '../../shared/log.ts';
import { earliestMs } from '../../shared/clock.ts';
import type { Clock } from '../../shared/clock.ts';
import type { PublishSlot } from '../publish/ports.ts';
import type { Owner } from '../../shared/limits/owner.ts';
import { limits } from '../../shared/limits/defaults.ts';
import type { LimitObserver } from '../../shared/limits/limit-observer.ts';
import { TokenBuckets } from '../../shared/limits/token-bucket.ts';
import { objectKey } from '../../shared/names.ts';
import { WatchQuota } from './watch-quota.ts';
import { syncFailure, waitForSync } from '../../shared/connectors/wait-for-sync.ts';
import type { WatchLimits } from './watch-limits.ts';
import type { MemoryReservation, ObjectMemoryQuota } from '../../shared/connectors/object-memory-quota.ts';

interface ObjectName {
  /** Absent for a cluster-scoped kind. */
  readonly namespace?: string;
  readonly name: string;
}

interface OnDemandInformerOptions<T> {
  readonly client: KubeClient;
  readonly type: ResourceType;
  /** Name of the kind in messages: `connector`. */
  readonly noun: string;
  /** @throws {CodedError} for a malformed object. */
  readonly parse: (object: JsonObject) => T;
  readonly maxObjectBytes: number;
  /** Milliseconds to wait for an object that does not exist yet. */
  readonly notFoundWaitMs: number;
  readonly watchLimits: WatchLimits;
  /** Memory quota for objects of all kinds. */
  readonly memory: ObjectMemoryQuota;
  readonly observer: LimitObserver;
  /** Called after an object has changed. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly reflector: Reflector;
  readonly reservation: MemoryReservation;
  lastUsedMs: number;
}

/**
 * Caches objects of one kind. Each is listed on first use and watched while it is in use, so a node watches only the
 * objects that its pods mount. Reading a cached object sends no request.
 */
export class OnDemandInformer<T extends object> {
  readonly #options: OnDemandInformerOptions<T>;
  readonly #entries = new Map<string, Entry>();
  readonly #parsed: (object: JsonObject) => T | CodedError;
  readonly #quota: WatchQuota;
  /** Changed bytes per namespace, so that one namespace's objects use a limited share of a core. */
  readonly #changes: TokenBuckets;

  constructor(options: OnDemandInformerOptions<T>) {
    this.#options = options;
    this.#parsed = parsedOnce(options.parse);
    this.#quota = new WatchQuota(options.watchLimits.maxCount, options.observer);
    this.#changes = new TokenBuckets(limits.objects.changes, options.client.clock.now);
    options.memory.onEvict((other) => this.#evictOldest((entry) => entry.reservation !== other));
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Time of the oldest confirmation of an object by the server, by the client's clock. */
  get confirmedAtMs(): number | undefined {
    return earliestMs(Array.from(this.#entries.values(), ({ reflector }) => reflector.state.confirmedAtMs));
  }

  /** Adds a reference. Release it as often as it was retained. */
  retain(name: ObjectName, owner: Owner): void {
    this.#quota.add(objectKey(name), owner);
  }

  release(name: ObjectName, owner: Owner): void {
    this.#quota.remove(objectKey(name), owner);
  }

  /**
   * Reserves a share of the owner's quota for all objects that its pod does not use yet, or for none of them.
   * @returns releases it.
   * @throws {CodedError} RESOURCE_EXHAUSTED naming the share that is used up.
   */
  acquire(names: readonly ObjectName[], owner: Owner): () => void {
    const added = names.filter((name) => !this.#quota.isUsedByPod(objectKey(name), owner));
    const [first] = added;
    if (first === undefined) return () => undefined;
    this.#quota.ensureWithinShare(this.#displayName(first), owner, added.length);
    for (const name of added) this.retain(name, owner);
    return () => added.forEach((name) => this.release(name, owner));
  }

  /**
   * Returns the object as last seen, without waiting, also while the API server is unreachable. Undefined if it is not
   * in memory, missing or malformed.
   */
  peek(name: ObjectName): T | undefined {
    const entry = this.#entries.get(objectKey(name));
    if (entry === undefined) return undefined;
    entry.lastUsedMs = this.#options.clock.now();
    const found = this.#current(entry.reflector);
    return found instanceof CodedError ? undefined : found;
  }

  /**
   * Returns the object. Waits for the first response of the API server until the signal aborts. If a client waits for
   * the call, it also waits for a missing object, up to the not-found wait.
   * @throws {CodedError} NOT_FOUND, UNAVAILABLE, RESOURCE_EXHAUSTED, FAILED_PRECONDITION for an object that is too
   * large, or an error of `parse`.
   */
  async get(name: ObjectName, { owner, signal, isBackground }: Omit<PublishSlot, 'releaseWhile'>): Promise<T> {
    const { reflector } = this.#use(name, owner);
    this.retain(name, owner);
    try {
      await waitForSync(reflector.state, signal, this.#reading(name));
      const waitMs = isBackground === true ? 0 : this.#options.notFoundWaitMs;
      return orThrow(this.#current(reflector) ?? (await this.#waitUntilExists(name, reflector, waitMs, signal)));
    } finally {
      this.release(name, owner);
    }
  }

  /** Stops watching objects that no volume uses and that no call has read lately. */
  sweep(): void {
    const { clock, watchLimits } = this.#options;
    for (const [key, { lastUsedMs }] of this.#entries) {
      if (!this.#quota.isUsed(key) && clock.now() - lastUsedMs >= watchLimits.idleMs) this.#drop(key);
    }
  }

  stop(): void {
    for (const key of [...this.#entries.keys()]) this.#drop(key);
  }

  #use(name: ObjectName, owner: Owner): Entry {
    const key = objectKey(name);
    let entry = this.#entries.get(key);
    if (entry !== undefined && this.#options.memory.canAcquire(entry.reservation)) {
      this.#drop(key);
      entry = undefined;
    }
    if (entry === undefined) {
      this.#ensureCapacity(name, owner);
      entry = this.#watch(key, name, owner);
    }
    entry.lastUsedMs = this.#options.clock.now();
    return entry;
  }

  #watch(key: string, name: ObjectName, owner: Owner): Entry {
    const { client, type, maxObjectBytes, memory, log } = this.#options;
    const reservation = { object: this.#displayName(name), namespace: name.namespace ?? '', bytes: 0, wantedBytes: 0 };
    const admit = (heapBytes: number): CodedError | undefined => memory.acquire(reservation, heapBytes);
    // A cluster-scoped object has its own rate limit, because no single tenant owns these objects.
    const rateLimiter = this.#changes.of(name.namespace ?? `/${key}`);
    const target = { type, ...name, admission: { maxObjectBytes, admit }, owner, rateLimiter };
    const entry = { reflector: new Reflector(client, target, log), reservation, lastUsedMs: 0 };
    entry.reflector.state.onChange(() => this.#options.onChange());
    this.#entries.set(key, entry);
    entry.reflector.start();
    return entry;
  }

  /**
   * Ensures capacity for one more watch. Without a limit, pods could create watches by naming thousands of objects that
   * do not exist.
   */
  #ensureCapacity(name: ObjectName, owner: Owner): void {
    if (!this.#quota.isUsedByPod(objectKey(name), owner))
      this.#quota.ensureWithinShare(this.#displayName(name), owner, 1);
    if (this.#entries.size < this.#options.watchLimits.maxCount || this.#evictOldest(() => true)) return;
    this.#quota.rejectAll(this.#displayName(name), owner);
  }

  /** Evicts the least recently used object without references. @returns whether there was one. */
  #evictOldest(isWanted: (entry: Entry) => boolean): boolean {
    let oldest: string | undefined;
    let oldestMs = Infinity;
    for (const [key, entry] of this.#entries) {
      if (entry.lastUsedMs >= oldestMs || this.#quota.isUsed(key) || !isWanted(entry)) continue;
      oldest = key;
      oldestMs = entry.lastUsedMs;
    }
    if (oldest !== undefined) this.#drop(oldest);
    return oldest !== undefined;
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.reflector.stop();
    this.#options.memory.release(entry.reservation);
  }

  /**
   * Waits for a missing object to appear. The kubelet would retry only after its back-off, so a wait of seconds is
   * faster.
   */
  async #waitUntilExists(
    name: ObjectName,
    reflector: Reflector,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<T | CodedError> {
    const { state } = reflector;
    // Without a connection to the server, the object may exist by now.
    const missing = (): CodedError =>
      state.error === undefined
        ? new CodedError('NOT_FOUND', `${this.#displayName(name)} does not exist`)
        : syncFailure(state.error, this.#reading(name));
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(missing()), waitMs);
    try {
      return await state.waitFor(() => this.#current(reflector), AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      // The caller's deadline can pass before the wait does.
      throw error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED' ? missing() : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #reading(name: ObjectName): string {
    return `reading ${this.#displayName(name)}`;
  }

  /** Returns the object's name for messages: `connector ci/harbor`. */
  #displayName(name: ObjectName): string {
    return `${this.#options.noun} ${objectKey(name)}`;
  }

  /** Returns the parsed object; undefined if it does not exist. */
  #current(reflector: Reflector): T | CodedError | undefined {
    const [rejection] = reflector.state.rejected.values();
    if (rejection !== undefined) return rejection;
    const [object] = reflector.state.objects.values();
    return object && this.#parsed(object);
  }
}
