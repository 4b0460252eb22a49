import { DriverError, abortError, throwIfAborted } from '../errors.js';
import type { CallOwner } from '../load/call-owner.js';
import { fairLimit } from '../load/fair-limit.js';
import { FairQueue } from '../load/fair-queue.js';
import { limits } from '../load/limits.js';
import type { BoundUse, LoadObserver } from '../load/load-observer.js';

/** What the driver asks on its own account. */
export const driverItself: CallOwner = { namespace: '', podUid: '' };

export interface GateLimits {
  /** Requests that are under way at once; watches count until they are open. */
  readonly inFlight: number;
  /** Requests that wait for their turn. */
  readonly waiting: number;
}

/**
 * Bounds the requests to the API server that are under way. Those that wait take turns by whom they are for, so that nobody
 * waits behind the thousands of questions that another one's volumes raise.
 */
export class RequestGate {
  readonly #limits: GateLimits;
  readonly #observer: LoadObserver;
  readonly #queue = new FairQueue<() => void>();
  readonly #perNamespace: number;
  /** By namespace, those that have some. */
  readonly #inFlightOf = new Map<string, number>();
  #inFlight = 0;

  constructor(gateLimits: GateLimits, observer: LoadObserver) {
    this.#limits = gateLimits;
    this.#observer = observer;
    this.#perNamespace = Math.max(1, Math.floor(gateLimits.inFlight * limits.api.namespaceShare));
  }

  get use(): BoundUse {
    const { inFlight, waiting } = this.#limits;
    return { used: this.#inFlight + this.#queue.length, limit: inFlight + waiting };
  }

  /**
   * Waits for a turn.
   * @returns ends it; to be called once.
   * @throws {DriverError} RESOURCE_EXHAUSTED when too much of the namespace's waits already; the signal's reason.
   */
  async enter(owner: CallOwner, signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    if (this.#inFlight < this.#limits.inFlight && this.#mayHaveMore(owner.namespace)) this.#begin(owner.namespace);
    else await this.#wait(owner, signal);
    this.#queue.used(pathOf(owner), 1);
    return () => this.#leave(owner.namespace);
  }

  /** The answers of one namespace's questions, too, take the processor's time in turns with what others want. */
  #mayHaveMore(namespace: string): boolean {
    return namespace === driverItself.namespace || (this.#inFlightOf.get(namespace) ?? 0) < this.#perNamespace;
  }

  #begin(namespace: string): void {
    this.#inFlight += 1;
    this.#inFlightOf.set(namespace, (this.#inFlightOf.get(namespace) ?? 0) + 1);
  }

  async #wait(owner: CallOwner, signal: AbortSignal): Promise<void> {
    this.#ensureShare(owner);
    await new Promise<void>((resolve, reject) => {
      const take = (): void => {
        signal.removeEventListener('abort', giveUp);
        this.#begin(owner.namespace);
        resolve();
      };
      const giveUp = (): void => {
        this.#queue.remove(pathOf(owner), take);
        reject(abortError(signal));
      };
      this.#queue.add(pathOf(owner), take);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #ensureShare({ namespace, podUid }: CallOwner): void {
    const own = this.#queue.waitingIn([namespace]);
    const limit = fairLimit(this.#limits.waiting, this.#queue.length - own, limits.api.namespaceShare);
    if (own + 1 <= limit) return;
    this.#observer.refused('api-requests', 'namespace', `${namespace}/${podUid}`);
    throw new DriverError(
      'RESOURCE_EXHAUSTED',
      `${own} requests to the API server for pods of namespace "${namespace}" wait on this node already, all of its share; it will be tried again`,
    );
  }

  #leave(namespace: string): void {
    this.#inFlight -= 1;
    const left = (this.#inFlightOf.get(namespace) ?? 0) - 1;
    if (left > 0) this.#inFlightOf.set(namespace, left);
    else this.#inFlightOf.delete(namespace);
    this.#queue.next((each) => this.#mayHaveMore(each))?.();
    if (this.#inFlight === 0) this.#queue.forget();
  }
}

function pathOf({ namespace, podUid }: CallOwner): readonly string[] {
  return [namespace, podUid];
}
