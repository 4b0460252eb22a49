import { CodedError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { Reflector } from '../kube/reflector.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { Log } from '../log.js';
import type { Clock } from '../clock.js';
import type { Call } from '../limits/call.js';
import type { FlowKey } from '../limits/flow-key.js';
import type { LimitObserver } from '../limits/limit-observer.js';
import { ChangeRateLimiters } from './change-rate-limiters.js';
import { ObjectReferences } from './object-references.js';
import { syncFailure, waitForSync } from './wait-for-sync.js';
import type { WatchLimits } from './watch-limits.js';
import { WatchQuota } from './watch-quota.js';
import type { MemoryReservation, ObjectMemoryQuota } from './object-memory-quota.js';

export interface ObjectName {
  /** Absent for a cluster-scoped kind. */
  readonly namespace?: string;
  readonly name: string;
}

export interface OnDemandInformerOptions<T> {
  readonly client: KubeClient;
  readonly type: ResourceType;
  /** How messages call the kind: `connector`. */
  readonly noun: string;
  /** @throws {CodedError} for an object that is malformed. */
  readonly parse: (object: JsonObject) => T;
  readonly maxObjectBytes: number;
  /** Milliseconds to wait for an object that does not exist yet. */
  readonly notFoundWaitMs: number;
  readonly bounds: WatchLimits;
  /** The room for objects of all kinds. */
  readonly bytes: ObjectMemoryQuota;
  readonly observer: LimitObserver;
  /** Called after an object has changed. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly reflector: Reflector;
  readonly account: MemoryReservation;
  lastUsedMs: number;
}

/**
 * Objects of one kind, each read once and then watched while it is used: a node watches what its pods mount, not what
 * the cluster has. Asking for an object that is watched costs no request.
 */
export class OnDemandInformer<T> {
  readonly #options: OnDemandInformerOptions<T>;
  readonly #entries = new Map<string, Entry>();
  readonly #parsed = new WeakMap<JsonObject, T | CodedError>();
  readonly #users = new ObjectReferences();
  readonly #slots: WatchQuota;
  readonly #paces: ChangeRateLimiters;

  constructor(options: OnDemandInformerOptions<T>) {
    this.#options = options;
    this.#slots = new WatchQuota(this.#users, options.bounds.maxCount, options.observer);
    this.#paces = new ChangeRateLimiters(options.client.clock.now);
    options.bytes.onPressure((other) => this.#forgetOldest((entry) => entry.account !== other));
  }

  get count(): number {
    return this.#entries.size;
  }

  /** When the server last confirmed the object that it has not confirmed for longest, by the client's clock. */
  get confirmedAtMs(): number | undefined {
    const times = [...this.#entries.values()].flatMap(({ reflector }) => reflector.state.confirmedAtMs ?? []);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** The object is needed until it is released as often as it was retained. */
  retain(name: ObjectName, owner: FlowKey): void {
    this.#users.add(keyOf(name), owner);
  }

  release(name: ObjectName, owner: FlowKey): void {
    this.#users.remove(keyOf(name), owner);
  }

  /**
   * Takes the owner's share for all that would have to be watched, or for none of it.
   * @returns gives it back.
   * @throws {CodedError} RESOURCE_EXHAUSTED saying whose share is used up.
   */
  reserve(names: readonly ObjectName[], owner: FlowKey): () => void {
    const unwatched = names.filter((name) => !this.#entries.has(keyOf(name)) && !this.#users.isUsed(keyOf(name)));
    const [first] = unwatched;
    if (first === undefined) return () => undefined;
    this.#slots.ensureWithinShare(this.#called(first), owner, unwatched.length);
    for (const name of unwatched) this.retain(name, owner);
    return () => unwatched.forEach((name) => this.release(name, owner));
  }

  /**
   * The object as last seen, without waiting: undefined when it is not in memory, does not exist or is malformed.
   * When the API server is away it is what was last seen.
   */
  peek(name: ObjectName): T | undefined {
    const entry = this.#entries.get(keyOf(name));
    if (entry === undefined) return undefined;
    entry.lastUsedMs = this.#options.clock.now();
    const found = this.#current(entry.reflector);
    return found instanceof CodedError ? undefined : found;
  }

  /**
   * The object, once it is known. Waits for the first answer of the API server as long as the signal allows, and for an
   * object that does not exist up to the not-found wait, if a client waits for the call.
   * @throws {CodedError} NOT_FOUND, UNAVAILABLE, RESOURCE_EXHAUSTED, FAILED_PRECONDITION for an object that is too
   * large, or what `parse` throws.
   */
  async get(name: ObjectName, { owner, signal, isUnasked }: Omit<Call, 'releaseSlotWhile'>): Promise<T> {
    const { reflector } = this.#use(name, owner);
    this.retain(name, owner);
    try {
      await waitForSync(reflector.state, signal, this.#reading(name));
      const waitMs = isUnasked === true ? 0 : this.#options.notFoundWaitMs;
      const found = this.#current(reflector) ?? (await this.#appearing(name, reflector, waitMs, signal));
      if (found instanceof CodedError) throw found;
      return found;
    } finally {
      this.release(name, owner);
    }
  }

  /** Stops watching what no volume uses and nobody has asked for lately. */
  sweep(): void {
    const { clock, bounds } = this.#options;
    for (const [key, { lastUsedMs }] of this.#entries) {
      if (!this.#users.isUsed(key) && clock.now() - lastUsedMs >= bounds.idleMs) this.#forget(key);
    }
    this.#paces.sweep();
  }

  stop(): void {
    for (const key of [...this.#entries.keys()]) this.#forget(key);
  }

  #use(name: ObjectName, owner: FlowKey): Entry {
    const key = keyOf(name);
    let entry = this.#entries.get(key);
    if (entry !== undefined && this.#options.bytes.isDue(entry.account)) {
      this.#forget(key);
      entry = undefined;
    }
    if (entry === undefined) {
      this.#makeRoom(name, owner);
      entry = this.#watch(key, name, owner);
    }
    entry.lastUsedMs = this.#options.clock.now();
    return entry;
  }

  #watch(key: string, name: ObjectName, owner: FlowKey): Entry {
    const { client, type, maxObjectBytes, bytes, log } = this.#options;
    const account = { object: this.#called(name), namespace: name.namespace ?? '', bytes: 0, wantedBytes: 0 };
    const admit = (heapBytes: number): CodedError | undefined => bytes.admit(account, heapBytes);
    // What belongs to the cluster is rateLimited one by one: its objects are not one tenant's.
    const rateLimiter = this.#paces.forNamespace(name.namespace ?? `/${key}`);
    const target = { type, ...name, admission: { maxObjectBytes, admit }, owner, rateLimiter };
    const entry = { reflector: new Reflector(client, target, log), account, lastUsedMs: 0 };
    entry.reflector.state.onChange(() => this.#options.onChange());
    this.#entries.set(key, entry);
    entry.reflector.start();
    return entry;
  }

  /** Anybody's pod may name objects that do not exist, by the thousand; what is watched must not grow with that. */
  #makeRoom(name: ObjectName, owner: FlowKey): void {
    if (!this.#users.isUsed(keyOf(name))) this.#slots.ensureWithinShare(this.#called(name), owner, 1);
    if (this.#entries.size < this.#options.bounds.maxCount || this.#forgetOldest(() => true)) return;
    this.#slots.rejectAll(this.#called(name), owner);
  }

  /** Gives up the unused object that was used the longest time ago. @returns whether there was one. */
  #forgetOldest(isWanted: (entry: Entry) => boolean): boolean {
    let oldest: string | undefined;
    let oldestMs = Infinity;
    for (const [key, entry] of this.#entries) {
      if (entry.lastUsedMs >= oldestMs || this.#users.isUsed(key) || !isWanted(entry)) continue;
      oldest = key;
      oldestMs = entry.lastUsedMs;
    }
    if (oldest !== undefined) this.#forget(oldest);
    return oldest !== undefined;
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    entry.reflector.stop();
    this.#options.bytes.release(entry.account);
  }

  /** The kubelet would come back only after its back-off; what is about to appear is worth a wait of seconds. */
  async #appearing(
    name: ObjectName,
    reflector: Reflector,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<T | CodedError> {
    const { state } = reflector;
    // While the server is away nobody knows whether it exists by now.
    const missing = (): CodedError =>
      state.error === undefined
        ? new CodedError('NOT_FOUND', `${this.#called(name)} does not exist`)
        : syncFailure(state.error, this.#reading(name));
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(missing()), waitMs);
    try {
      return await state.waitFor(() => this.#current(reflector), AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      // The caller's time may be over before the wait is.
      throw error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED' ? missing() : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #reading(name: ObjectName): string {
    return `reading ${this.#called(name)}`;
  }

  /** `connector ci/harbor` */
  #called(name: ObjectName): string {
    return `${this.#options.noun} ${keyOf(name)}`;
  }

  /** Parsed once per state of the object, so that the same state is the same value. */
  #current(reflector: Reflector): T | CodedError | undefined {
    const [rejection] = reflector.state.rejected.values();
    if (rejection !== undefined) return rejection;
    const [object] = reflector.state.objects.values();
    if (object === undefined) return undefined;
    let parsed = this.#parsed.get(object);
    if (parsed === undefined) {
      parsed = this.#parse(object);
      this.#parsed.set(object, parsed);
    }
    return parsed;
  }

  #parse(object: JsonObject): T | CodedError {
    try {
      return this.#options.parse(object);
    } catch (error) {
      if (error instanceof CodedError) return error;
      throw error;
    }
  }
}

function keyOf({ namespace, name }: ObjectName): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
