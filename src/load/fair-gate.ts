import { abortError, throwIfAborted } from '../errors.js';
import type { DriverError } from '../errors.js';
import type { CallOwner } from './call-owner.js';
import { fairLimit } from './fair-limit.js';
import { FairQueue } from './fair-queue.js';
import type { BoundUse } from './load-observer.js';

export interface FairGateLimits {
  /** Turns that are under way at once. */
  readonly inFlight: number;
  /** Those who wait for a turn. */
  readonly waiting: number;
  /** How much of the turns may be one namespace's, and how much of what the others leave of the room to wait in. */
  readonly namespaceShare: number;
}

export interface FairGateOptions {
  readonly limits: FairGateLimits;
  /** A namespace that only the whole bounds: what the program does on its own account. */
  readonly unbounded?: string;
  /** For an owner of whose namespace so much waits that no more may. */
  readonly refusal: (owner: CallOwner, waiting: number) => DriverError;
}

/**
 * Bounds how many have a turn at once, and how many of one namespace, so that turns that do not end leave some to others.
 * Those that wait come by namespaces, then by the pods of each.
 */
export class FairGate {
  readonly #options: FairGateOptions;
  readonly #queue = new FairQueue<() => void>();
  readonly #perNamespace: number;
  /** By namespace, those that have some. */
  readonly #inFlightOf = new Map<string, number>();
  #inFlight = 0;

  constructor(options: FairGateOptions) {
    this.#options = options;
    const { inFlight, namespaceShare } = options.limits;
    this.#perNamespace = Math.max(1, Math.floor(inFlight * namespaceShare));
  }

  get use(): BoundUse {
    const { inFlight, waiting } = this.#options.limits;
    return { used: this.#inFlight + this.#queue.length, limit: inFlight + waiting };
  }

  /**
   * Waits for a turn.
   * @returns ends it; to be called once.
   * @throws {DriverError} the options' refusal when too much of the namespace's waits already; the signal's reason.
   */
  async enter(owner: CallOwner, signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    const { limits } = this.#options;
    if (this.#inFlight < limits.inFlight && this.#mayHaveMore(owner.namespace)) this.#begin(owner.namespace);
    else await this.#wait(owner, signal);
    this.#queue.used(pathOf(owner), 1);
    return () => this.#leave(owner.namespace);
  }

  #mayHaveMore(namespace: string): boolean {
    return namespace === this.#options.unbounded || (this.#inFlightOf.get(namespace) ?? 0) < this.#perNamespace;
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

  #ensureShare(owner: CallOwner): void {
    const { limits, refusal } = this.#options;
    const own = this.#queue.waitingIn([owner.namespace]);
    const limit = fairLimit(limits.waiting, this.#queue.length - own, limits.namespaceShare);
    if (own + 1 > limit) throw refusal(owner, own);
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
