import { DriverError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import { Reflector } from '../kube/reflector.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { Log } from '../log.js';
import type { Clock } from '../clock.js';
import { readingFailure, untilRead } from './until-read.js';

export interface ObjectName {
  /** Absent for a cluster-scoped kind. */
  readonly namespace?: string;
  readonly name: string;
}

export interface WatchedObjectsOptions<T> {
  readonly client: KubeClient;
  readonly type: ResourceType;
  /** How messages call the kind: `connector`. */
  readonly noun: string;
  /** @throws {DriverError} for an object that is malformed. */
  readonly parse: (object: JsonObject) => T;
  /** Milliseconds to wait for an object that does not exist yet. */
  readonly notFoundWaitMs: number;
  /** Milliseconds that an object stays watched after its last use. */
  readonly idleMs: number;
  /** Objects that are watched at once. */
  readonly maxCount: number;
  /** The keys of the objects that volumes use. */
  readonly inUse: () => ReadonlySet<string>;
  /** Called after an object has changed. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly reflector: Reflector;
  lastUsedMs: number;
  /** Calls that wait for its object. */
  waiting: number;
}

/**
 * Objects of one kind, each read once and then watched while it is used: a node watches what its pods mount, not what
 * the cluster has. Asking for an object that is watched costs no request.
 */
export class WatchedObjects<T> {
  readonly #options: WatchedObjectsOptions<T>;
  readonly #entries = new Map<string, Entry>();
  readonly #parsed = new WeakMap<JsonObject, T | DriverError>();

  constructor(options: WatchedObjectsOptions<T>) {
    this.#options = options;
  }

  get count(): number {
    return this.#entries.size;
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
    return found instanceof DriverError ? undefined : found;
  }

  /**
   * The object, once it is known. Waits for the first answer of the API server as long as the signal allows, and for an
   * object that does not exist up to the not-found wait.
   * @throws {DriverError} NOT_FOUND, UNAVAILABLE, RESOURCE_EXHAUSTED, or what `parse` throws.
   */
  async get(name: ObjectName, signal: AbortSignal): Promise<T> {
    const entry = this.#use(name);
    const { reflector } = entry;
    entry.waiting += 1;
    try {
      await untilRead(reflector.state, signal, this.#reading(name));
      const found = this.#current(reflector) ?? (await this.#appearing(name, reflector, signal));
      if (found instanceof DriverError) throw found;
      return found;
    } finally {
      entry.waiting -= 1;
    }
  }

  /** Stops watching what no volume uses and nobody has asked for lately. */
  sweep(): void {
    const { clock, idleMs } = this.#options;
    for (const [key, { lastUsedMs }] of this.#unused()) if (clock.now() - lastUsedMs >= idleMs) this.#forget(key);
  }

  stop(): void {
    for (const { reflector } of this.#entries.values()) reflector.stop();
    this.#entries.clear();
  }

  #use(name: ObjectName): Entry {
    const { client, type, clock, log } = this.#options;
    const key = keyOf(name);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#makeRoom(key);
      entry = { reflector: new Reflector(client, { type, ...name }, log), lastUsedMs: 0, waiting: 0 };
      entry.reflector.state.onChange(() => this.#options.onChange());
      this.#entries.set(key, entry);
      entry.reflector.start();
    }
    entry.lastUsedMs = clock.now();
    return entry;
  }

  /** Anybody's pod may name objects that do not exist, by the thousand; what is watched must not grow with that. */
  #makeRoom(key: string): void {
    const { maxCount, noun } = this.#options;
    if (this.#entries.size < maxCount) return;
    const [oldest] = this.#unused().sort(([, a], [, b]) => a.lastUsedMs - b.lastUsedMs);
    if (oldest === undefined) {
      throw new DriverError(
        'RESOURCE_EXHAUSTED',
        `${noun} ${key} cannot be read: the pods of this node use ${maxCount} others already, as many as the driver watches at once`,
      );
    }
    this.#forget(oldest[0]);
  }

  #unused(): [string, Entry][] {
    const inUse = this.#options.inUse();
    return [...this.#entries].filter(([key, { waiting }]) => waiting === 0 && !inUse.has(key));
  }

  #forget(key: string): void {
    this.#entries.get(key)?.reflector.stop();
    this.#entries.delete(key);
  }

  /** The kubelet would come back only after its back-off; what is about to appear is worth a wait of seconds. */
  async #appearing(name: ObjectName, reflector: Reflector, signal: AbortSignal): Promise<T | DriverError> {
    const { noun, notFoundWaitMs } = this.#options;
    const { state } = reflector;
    // While the server is away nobody knows whether it exists by now.
    const missing = (): DriverError =>
      state.error === undefined
        ? new DriverError('NOT_FOUND', `${noun} ${keyOf(name)} does not exist`)
        : readingFailure(state.error, this.#reading(name));
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(missing()), notFoundWaitMs);
    try {
      return await state.waitFor(() => this.#current(reflector), AbortSignal.any([signal, timeout.signal]));
    } catch (error) {
      // The caller's time may be over before the wait is.
      throw error instanceof DriverError && error.code === 'DEADLINE_EXCEEDED' ? missing() : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #reading(name: ObjectName): string {
    return `reading ${this.#options.noun} ${keyOf(name)}`;
  }

  /** Parsed once per state of the object, so that the same state is the same value. */
  #current(reflector: Reflector): T | DriverError | undefined {
    const [object] = reflector.state.objects.values();
    if (object === undefined) return undefined;
    let parsed = this.#parsed.get(object);
    if (parsed === undefined) {
      parsed = this.#parse(object);
      this.#parsed.set(object, parsed);
    }
    return parsed;
  }

  #parse(object: JsonObject): T | DriverError {
    try {
      return this.#options.parse(object);
    } catch (error) {
      if (error instanceof DriverError) return error;
      throw error;
    }
  }
}

function keyOf({ namespace, name }: ObjectName): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}
