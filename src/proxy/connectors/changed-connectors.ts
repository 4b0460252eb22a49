import { sleep } from '../../shared/abortable.ts';
import { CodedError } from '../../shared/errors.ts';
import type { AdmittedObject, RawObject } from '../../shared/kube/object-admission.ts';
import type { ReflectedState } from '../../shared/kube/reflected-state.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { objectKey } from '../../shared/names.ts';
import { proxyLimits } from '../limits.ts';
import type { ThreadShares } from '../thread-shares.ts';

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
export class ChangedConnectors {
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
