import { connectorClassType, connectorType } from '../../shared/connectors/api-group.ts';
import type { Connector, ConnectorClass, ConnectorRef, ResolvedConnector } from '../../shared/connectors/model.ts';
import { ObjectMemoryQuota } from '../../shared/connectors/object-memory-quota.ts';
import type { MemoryReservation } from '../../shared/connectors/object-memory-quota.ts';
import { parseConnectorClass } from '../../shared/connectors/parse-connector-class.ts';
import { parseConnector } from '../../shared/connectors/parse-connector.ts';
import { notSyncedReason, waitForSync } from '../../shared/connectors/wait-for-sync.ts';
import { CodedError, orThrow } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { ObjectAdmission, AdmittedObject, RawObject } from '../../shared/kube/object-admission.ts';
import { parsedOnce } from '../../shared/per-object.ts';
import type { ReflectedState } from '../../shared/kube/reflected-state.ts';
import { Reflector } from '../../shared/kube/reflector.ts';
import { limits } from '../../shared/limits/defaults.ts';
import { noLimitObserver } from '../../shared/limits/limit-observer.ts';
import type { Log } from '../../shared/log.ts';
import type { Awaitable } from '../../shared/awaitable.ts';
import { objectKey } from '../../shared/names.ts';
import type { ThreadShares } from '../thread-shares.ts';
import { sleep } from '../../shared/abortable.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { proxyLimits } from '../limits.ts';

/** Cached Connectors and classes. */
export interface ObjectLoad {
  /** Estimated memory. */
  readonly bytes: number;
  /** Number of objects that were rejected for lack of memory. */
  readonly rejected: number;
  /** Longest time since the API server confirmed one of the two lists; 0 before the first. */
  readonly unconfirmedMs: number;
}

/** Memory for an object besides its own: its keys, what is parsed of it, and the state of its checks. */
const overheadBytes = 3 << 10;
/** Delay of a relist after objects are deleted: many are deleted at once. */
const relistMs = 1_000;
/** Shortest interval of two relists. A list of many objects costs the API server and the thread some seconds. */
const relistEveryMs = 30_000;

/** An informer for all Connectors and classes of the cluster: any of them can be named by the next request. */
export class ConnectorInformer implements ConnectorLookup {
  readonly #connectors: Reflector;
  readonly #classes: Reflector;
  /** Of all objects, with a share per namespace. */
  readonly #memory: ObjectMemoryQuota;
  /** Of objects by kind and key. */
  readonly #reservations = new Map<string, MemoryReservation>();
  readonly #now: () => number;
  readonly #stopping = new AbortController();
  #relisting: NodeJS.Timeout | undefined;
  #relistedMs = -Infinity;
  readonly #parsedConnectors = parsedOnce(parseConnector);
  readonly #parsedClasses = parsedOnce(parseConnectorClass);

  /**
   * @param maxBytes limit of their estimated memory. Objects over the limit are rejected.
   * @param threads charged for Connectors that change.
   */
  constructor(client: KubeClient, maxBytes: number, threads: ThreadShares, log: Log) {
    const { connectorBytes, connectorClassBytes } = limits.objects;
    this.#now = client.clock.now;
    this.#memory = new ObjectMemoryQuota(maxBytes, noLimitObserver, 'the proxy knows');
    const changed = new ChangedConnectors(
      threads,
      () => this.#connectors.state,
      () => this.#relistLater(),
      this.#stopping.signal,
    );
    const ofConnectors: ObjectAdmission = {
      ...this.#admissionOf('connector', connectorBytes),
      parseChanged: (raw, parse) => changed.parse(raw, parse),
    };
    this.#connectors = new Reflector(client, { type: connectorType, admission: ofConnectors }, log);
    const ofClasses = this.#admissionOf('connectorclass', connectorClassBytes);
    this.#classes = new Reflector(client, { type: connectorClassType, admission: ofClasses }, log);
    this.#connectors.state.onChange((key, object) => this.#release('connector', key, object));
    this.#classes.state.onChange((key, object) => this.#release('connectorclass', key, object));
  }

  get load(): ObjectLoad {
    const states = [this.#connectors.state, this.#classes.state];
    const nowMs = this.#now();
    return {
      bytes: this.#memory.used,
      rejected: states.reduce((sum, state) => sum + rejectedForMemory(state), 0),
      unconfirmedMs: Math.max(...states.map(({ confirmedAtMs = nowMs }) => nowMs - confirmedAtMs)),
    };
  }

  start(): void {
    this.#connectors.start();
    this.#classes.start();
  }

  stop(): void {
    clearTimeout(this.#relisting);
    this.#stopping.abort();
    this.#connectors.stop();
    this.#classes.stop();
  }

  /** Whether all classes have been read, so that a missing one does not exist. */
  get hasReadClasses(): boolean {
    return this.#classes.state.isSynced;
  }

  keys(kind: ObjectKind): Iterable<string> {
    return (kind === 'class' ? this.#classes : this.#connectors).state.objects.keys();
  }

  /** Returns the Connector; undefined if it does not exist, an error if it is malformed or was rejected. */
  connector(key: string): Connector | CodedError | undefined {
    return parsedIn(this.#connectors, key, this.#parsedConnectors);
  }

  connectorClass(name: string): ConnectorClass | CodedError | undefined {
    return parsedIn(this.#classes, name, this.#parsedClasses);
  }

  /** Returns a class even if it is malformed; undefined if it does not exist or was rejected. */
  classObject(name: string): JsonObject | undefined {
    return this.#classes.state.objects.get(name);
  }

  /** Registers a listener. It is called once per change, after the change is visible here. */
  onChange(listener: (kind: ObjectKind, key: string) => void): void {
    this.#connectors.state.onChange((key) => listener('connector', key));
    this.#classes.state.onChange((key) => listener('class', key));
  }

  /** Returns why nothing can be read; undefined if the caches are synced. */
  problem(): string | undefined {
    return (
      notSyncedReason(this.#connectors.state, 'reading connectors') ??
      notSyncedReason(this.#classes.state, 'reading connectorclasses')
    );
  }

  has(ref: ConnectorRef): boolean {
    const { isSynced, objects, rejected } = this.#connectors.state;
    const key = objectKey(ref);
    return !isSynced || objects.has(key) || rejected.has(key);
  }

  async find(ref: ConnectorRef, signal: AbortSignal): Promise<ResolvedConnector | undefined> {
    await waitForSync(this.#connectors.state, signal, 'reading connectors');
    await waitForSync(this.#classes.state, signal, 'reading connectorclasses');
    const connector = orThrow(this.connector(objectKey(ref)));
    if (connector === undefined) return undefined;
    const { className } = connector;
    const connectorClass = orThrow(this.connectorClass(className));
    if (connectorClass === undefined) {
      const message = `connectorclass ${className} of connector ${objectKey(ref)} does not exist`;
      throw new CodedError('FAILED_PRECONDITION', message);
    }
    return { connector, connectorClass };
  }

  /** Returns the admission of a reflector. @param noun kind of its objects in messages: `connector`. */
  #admissionOf(noun: string, maxObjectBytes: number): ObjectAdmission {
    return {
      maxObjectBytes,
      admit: (parsedBytes, identity): CodedError | undefined => {
        const object = `${noun} ${objectKey(identity)}`;
        const { namespace = '' } = identity;
        const reservation = this.#reservations.get(object) ?? { object, namespace, bytes: 0, wantedBytes: 0 };
        const rejection = this.#memory.acquire(reservation, parsedBytes + overheadBytes);
        if (rejection === undefined) this.#reservations.set(object, reservation);
        else this.#reservations.delete(object);
        return rejection;
      },
    };
  }

  /** Releases the memory of a deleted object, so that rejected objects could fit now. */
  #release(noun: string, key: string, object: JsonObject | undefined): void {
    const reservation = this.#reservations.get(`${noun} ${key}`);
    if (object !== undefined || reservation === undefined) return;
    this.#memory.release(reservation);
    this.#reservations.delete(reservation.object);
    this.#relistLater();
  }

  /** Relists if objects are rejected then. */
  #relistLater(): void {
    const delayMs = Math.max(relistMs, this.#relistedMs + relistEveryMs - this.#now());
    this.#relisting ??= setTimeout(() => {
      this.#relisting = undefined;
      this.#relistedMs = this.#now();
      for (const reflector of [this.#connectors, this.#classes]) {
        if (rejectedForMemory(reflector.state) > 0) reflector.relist();
      }
    }, delayMs).unref();
  }
}

/** Returns the object, or why it cannot be used; undefined if it does not exist. */
function parsedIn<T extends object>(
  { state }: Reflector,
  key: string,
  parsed: (object: JsonObject) => T | CodedError,
): T | CodedError | undefined {
  const object = state.objects.get(key);
  return state.rejected.get(key) ?? (object && parsed(object));
}

function rejectedForMemory({ rejected }: ReflectedState): number {
  return [...rejected.values()].filter(({ code }) => code === 'RESOURCE_EXHAUSTED').length;
}

/** Access to the current Connectors. */
export interface ConnectorLookup {
  /**
   * @returns undefined if the Connector does not exist.
   * @throws {CodedError} if it is malformed, its class does not exist, or nothing has been read yet.
   */
  find(ref: ConnectorRef, signal: AbortSignal): Awaitable<ResolvedConnector | undefined>;
}

/** Keys are `namespace/name`, for classes `name`. */
export type ObjectKind = 'connector' | 'class';

interface Change {
  /** Why the Connector cannot be used meanwhile. */
  readonly error: CodedError;
  readonly parse: () => AdmittedObject;
}

/**
 * Parses Connectors that change. The attacker edits Connectors in a loop, and each edit takes up to 15 ms in every replica. So
 * changes of a namespace over its share of the thread wait, and only the newest version of a Connector is parsed. Until
 * then requests get an error: an older version could permit more.
 */
class ChangedConnectors {
  readonly #threads: ThreadShares;
  readonly #state: () => ReflectedState;
  readonly #onParsed: () => void;
  readonly #signal: AbortSignal;
  /** By namespace and Connector. */
  readonly #waiting = new Map<string, BoundedMap<Change>>();

  /** @param onParsed called when no change of a namespace waits any longer. */
  constructor(threads: ThreadShares, state: () => ReflectedState, onParsed: () => void, signal: AbortSignal) {
    this.#threads = threads;
    this.#state = state;
    this.#onParsed = onParsed;
    this.#signal = signal;
  }

  /** Parses a changed Connector, or rejects it for now. */
  parse({ identity, characters }: RawObject, parse: () => AdmittedObject): AdmittedObject {
    const { namespace = '', name } = identity;
    if (this.#threads.of(namespace).delayMs() === 0) return this.#threads.measure(namespace, parse);
    const key = objectKey(identity);
    const problem = `connector ${key} has changed, and connectors of namespace ${namespace} change more often than its share of CPU time permits`;
    const error = new CodedError('RESOURCE_EXHAUSTED', `${problem}: try again in a minute`);
    const waiting = this.#waiting.get(namespace);
    const changes = waiting ?? new BoundedMap<Change>(proxyLimits.connector.changedCharacters);
    changes.set(key, { error, parse }, '', characters);
    this.#waiting.set(namespace, changes);
    if (waiting === undefined) void this.#parseLater(namespace, changes);
    return { rejected: { namespace, name, error } };
  }

  async #parseLater(namespace: string, changes: BoundedMap<Change>): Promise<void> {
    try {
      for (let delayMs = 1; changes.size > 0; delayMs = this.#threads.of(namespace).delayMs()) {
        if (delayMs === 0) this.#threads.measure(namespace, () => this.#parseFirst(changes));
        else await sleep(delayMs, this.#signal);
      }
    } catch {
      // The proxy stops, or the text is not JSON: the next list has the Connector again.
    }
    this.#waiting.delete(namespace);
    this.#onParsed();
  }

  #parseFirst(changes: BoundedMap<Change>): void {
    const state = this.#state();
    for (const key of changes.keys()) {
      const change = changes.get(key);
      changes.delete(key);
      // Otherwise there is a newer version, or it has been deleted.
      if (change === undefined || state.rejected.get(key) !== change.error) continue;
      const { object, rejected } = change.parse();
      if (object === undefined) state.reject(key, rejected.error);
      else state.put(object);
      return;
    }
  }
}
