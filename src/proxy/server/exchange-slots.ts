import type { Socket } from 'node:net';
import type { SharedQuota } from '../../shared/limits/shared-quota.ts';
import { serviceAccountOf } from '../auth/client-identity.ts';
import type { ClientIdentity } from '../auth/client-identity.ts';
import type { ConnectionLimiter } from './connection-limiter.ts';
import { ProxyError } from '../proxy-error.ts';

/** One request in flight. */
export interface ExchangeSlot {
  /**
   * Counts the request for the client's namespace instead of its address, after authentication.
   * @throws {ProxyError} 429 if the namespace has too many requests in flight.
   */
  moveTo(client: ClientIdentity): void;
  /** Releases the slot. Can be called more than once. */
  release(): void;
}

/** Releases a slot; does nothing for a rejected request. */
export function releaseSlot(slot: ExchangeSlot | ProxyError): void {
  if (!(slot instanceof ProxyError)) slot.release();
}

/**
 * Limits the requests in flight, in total and per client: per address before authentication, per namespace afterwards,
 * because a namespace can have any number of pods. Multiplied by the memory of one request, the total limits the memory
 * of requests (docs/limits.md).
 */
export class ExchangeSlots {
  readonly #quota: SharedQuota;
  readonly #connections: ConnectionLimiter;

  /** @param quota by client address or namespace. */
  constructor(quota: SharedQuota, connections: ConnectionLimiter) {
    this.#quota = quota;
    this.#connections = connections;
  }

  /** @param connection that was accepted. @returns 429 if its client address has too many requests in flight. */
  acquire(connection: Socket): ExchangeSlot | ProxyError {
    let holder = `address ${connection.remoteAddress ?? ''}`;
    const error = this.#tryAcquire(holder);
    if (error !== undefined) return error;
    let isAcquired = true;
    return {
      moveTo: ({ user }) => {
        const account = serviceAccountOf(user);
        const next = account === undefined ? user : `namespace ${account.namespace}`;
        if (isAcquired) this.#connections.retain(connection, next);
        if (!isAcquired || next === holder) return;
        this.#quota.release(holder);
        const rejection = this.#tryAcquire(next);
        isAcquired = rejection === undefined;
        if (rejection !== undefined) throw rejection;
        holder = next;
      },
      release: () => {
        if (isAcquired) this.#quota.release(holder);
        isAcquired = false;
        this.#connections.release(connection);
      },
    };
  }

  #tryAcquire(holder: string): ProxyError | undefined {
    if (this.#quota.acquire(holder)) return undefined;
    const own = this.#quota.usedBy(holder);
    const message = `too many requests of ${holder} are in flight (${own}): try again in some seconds`;
    return new ProxyError(429, 'rate_limited', message, { headers: { 'Retry-After': '5' } });
  }
}
