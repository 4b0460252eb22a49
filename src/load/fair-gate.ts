import { abortError, throwIfAborted } from '../errors.js';
import type { DriverError } from '../errors.js';
import type { CallOwner } from './call-owner.js';
import { fairLimit } from './fair-limit.js';
import { FairQueue } from './fair-queue.js';

export interface FairGateOptions {
  /** Turns that are under way at once. */
  readonly inFlight: number;
  /** How much of the turns may be one namespace's, and how much of what the others leave of the room to wait in. */
  readonly namespaceShare: number;
  /** A namespace that only the whole bounds: what the program does on its own account. */
  readonly unbounded?: string;
  /** To wait for a turn in. Without it, as many may wait as come. */
  readonly room?: WaitingRoom;
}

export interface WaitingRoom {
  readonly waiting: number;
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
    this.#perNamespace = Math.max(1, Math.floor(options.inFlight * options.namespaceShare));
  }

  /** Turns that are under way, and those who wait. */
  get used(): number {
    return this.#inFlight + this.#queue.length;
  }

  /**
   * Waits for a turn.
   * @returns ends it; to be called once.
   * @throws {DriverError} the room's refusal when too much of the namespace's waits already; the signal's reason.
   */
  async enter(owner: CallOwner, signal: AbortSignal): Promise<() => void> {
    throwIfAborted(signal);
    if (this.#inFlight < this.#options.inFlight && this.#mayHaveMore(owner.namespace)) this.#begin(owner.namespace);
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
    this.#ensureRoom(owner);
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

  #ensureRoom(owner: CallOwner): void {
    const { room, namespaceShare } = this.#options;
    if (room === undefined) return;
    const own = this.#queue.waitingIn([owner.namespace]);
    const limit = fairLimit(room.waiting, this.#queue.length - own, namespaceShare);
    if (own + 1 > limit) throw room.refusal(owner, own);
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
