import type { Socket } from 'node:net';
import type { SharedQuota } from '../../shared/limits/shared-quota.ts';
import type { ClientIdentity } from '../auth/ports.ts';
import type { ConnectionLimiter } from './connection-limiter.ts';
import { ProxyError } from '../proxy-error.ts';

/** One request in flight. */
export interface ExchangeSlot {
  /** `address ADDRESS`; after authentication the client's namespace. */
  owner(): string;
  /** @throws {ProxyError} 429 if the client address had too many requests in flight. */
  ensureAcquired(): void;
  /**
   * Counts the request for the client's namespace instead of its address, after authentication.
   * @throws {ProxyError} 429 if the namespace has too many requests in flight.
   */
  moveTo(client: ClientIdentity): void;
  /** Releases the slot. Can be called more than once. */
  release(): void;
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

  /** @param connection that was accepted. */
  acquire(connection: Socket): ExchangeSlot {
    let holder = this.#connections.holderOf(connection);
    const rejection = this.#tryAcquire(holder);
    let isAcquired = rejection === undefined;
    return {
      owner: () => holder.replace(/^namespace /, ''),
      ensureAcquired: () => {
        if (rejection !== undefined) throw rejection;
      },
      moveTo: ({ user, account }) => {
        const next = account === undefined ? user : `namespace ${account.namespace}`;
        if (isAcquired) this.#connections.retain(connection, next);
        if (!isAcquired || next === holder) return;
        this.#quota.release(holder);
        const rejected = this.#tryAcquire(next);
        isAcquired = rejected === undefined;
        if (rejected !== undefined) throw rejected;
        holder = next;
      },
      release: () => {
        if (rejection !== undefined) return;
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
