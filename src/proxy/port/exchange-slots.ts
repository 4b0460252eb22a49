import { fairLimit } from '../../load/fair-limit.js';
import { Refusal } from '../refusal.js';

export interface ExchangeSlotLimits {
  /** Requests in flight, tunnels and upgraded connections included. */
  readonly total: number;
  /** Largest part of the total minus the others' requests that one holder can have. */
  readonly share: number;
}

/** One request in flight. */
export interface ExchangeSlot {
  /**
   * Counts the request for the client's pod, once it is known, instead of its address.
   * @throws {Refusal} 429 if the pod has too many requests in flight.
   */
  moveTo(holder: string, name: string): void;
  /** Ends it. Can be called more than once. */
  release(): void;
}

/**
 * Limits the requests in flight, in total and per client: per address before a token names a pod, per pod from then on.
 * Together with the memory of one request this is what requests can take (docs/proxy.md).
 */
export class ExchangeSlots {
  readonly #limits: ExchangeSlotLimits;
  readonly #perHolder = new Map<string, number>();
  #count = 0;
  #rejected = 0;

  constructor(limits: ExchangeSlotLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** Requests that have been rejected so far. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @param address of the client. @returns 429 if it has too many requests in flight. */
  acquire(address: string): ExchangeSlot | Refusal {
    let holder = `address ${address}`;
    const refusal = this.#take(holder, holder);
    if (refusal !== undefined) return refusal;
    let isHeld = true;
    return {
      moveTo: (next, name) => {
        if (!isHeld || next === holder) return;
        this.#give(holder);
        const rejection = this.#take(next, name);
        isHeld = rejection === undefined;
        if (rejection !== undefined) throw rejection;
        holder = next;
      },
      release: () => {
        if (isHeld) this.#give(holder);
        isHeld = false;
      },
    };
  }

  #take(holder: string, name: string): Refusal | undefined {
    const own = this.#perHolder.get(holder) ?? 0;
    const { total, share } = this.#limits;
    if (own + 1 > fairLimit(total, this.#count - own, share)) {
      this.#rejected += 1;
      return new Refusal(
        429,
        'paced',
        `too many requests of ${name} are in flight (${own}): try again in some seconds`,
        {
          headers: { 'Retry-After': '5' },
        },
      );
    }
    this.#count += 1;
    this.#perHolder.set(holder, own + 1);
    return undefined;
  }

  #give(holder: string): void {
    this.#count -= 1;
    const left = (this.#perHolder.get(holder) ?? 1) - 1;
    if (left > 0) this.#perHolder.set(holder, left);
    else this.#perHolder.delete(holder);
  }
}
