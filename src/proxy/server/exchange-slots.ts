import { SharedQuota } from '../../shared/limits/shared-quota.js';
import { ProxyError } from '../proxy-error.js';

export interface ExchangeSlotLimits {
  /** Requests in flight, including tunnels and upgraded connections. */
  readonly total: number;
  /** Dynamic share: the part of the total minus the others' requests that one holder can have. */
  readonly share: number;
}

/** One request in flight. */
export interface ExchangeSlot {
  /**
   * Counts the request for the client's pod instead of its address, after authentication.
   * @throws {ProxyError} 429 if the pod has too many requests in flight.
   */
  moveTo(holder: string, name: string): void;
  /** Releases the slot. Can be called more than once. */
  release(): void;
}

/** Releases a slot; does nothing for a rejected request. */
export function releaseSlot(slot: ExchangeSlot | ProxyError): void {
  if (!(slot instanceof ProxyError)) slot.release();
}

/**
 * Limits the requests in flight, in total and per client: per address before authentication, per pod afterwards.
 * Multiplied by the memory of one request, the total limits the memory of requests (docs/limits.md).
 */
export class ExchangeSlots {
  readonly #quota: SharedQuota;
  #rejected = 0;

  constructor({ total, share }: ExchangeSlotLimits) {
    this.#quota = new SharedQuota(total, share);
  }

  get count(): number {
    return this.#quota.used;
  }

  /** Requests that have been rejected so far. */
  get rejected(): number {
    return this.#rejected;
  }

  /** @param address of the client. @returns 429 if it has too many requests in flight. */
  acquire(address: string): ExchangeSlot | ProxyError {
    let holder = `address ${address}`;
    const error = this.#reserve(holder, holder);
    if (error !== undefined) return error;
    let isAcquired = true;
    return {
      moveTo: (next, name) => {
        if (!isAcquired || next === holder) return;
        this.#quota.release(holder);
        const rejection = this.#reserve(next, name);
        isAcquired = rejection === undefined;
        if (rejection !== undefined) throw rejection;
        holder = next;
      },
      release: () => {
        if (isAcquired) this.#quota.release(holder);
        isAcquired = false;
      },
    };
  }

  #reserve(holder: string, name: string): ProxyError | undefined {
    if (this.#quota.acquire(holder)) return undefined;
    this.#rejected += 1;
    const own = this.#quota.usedBy(holder);
    const message = `too many requests of ${name} are in flight (${own}): try again in some seconds`;
    return new ProxyError(429, 'rate_limited', message, { headers: { 'Retry-After': '5' } });
  }
}
