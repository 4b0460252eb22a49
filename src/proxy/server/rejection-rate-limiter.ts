import type { IncomingMessage } from 'node:http';
import { sleep } from '../../abortable.js';
import { BoundedMap } from '../../limits/bounded-map.js';
import { TokenBucket } from '../../limits/token-bucket.js';
import type { TokenBucketOptions } from '../../limits/token-bucket.js';
import type { ClientIdentity } from '../auth/client-identity.js';
import type { ProxyError } from '../proxy-error.js';
import { addressOf, holderOf } from './authenticated-client.js';
import { releaseSlot } from './exchange-slots.js';
import type { ExchangeSlot } from './exchange-slots.js';

/** Rejections of one client; see `limits.rejections`. */
export interface RejectionRateLimits extends TokenBucketOptions {
  /** Longest delay of a response, milliseconds. */
  readonly longestMs: number;
  /** Limit of tracked clients. */
  readonly clients: number;
}

/**
 * Delays the proxy's own responses to rejected requests, per client: per pod, or per address without a valid token. The
 * attacker is a pod with hundreds of connections that sends a request as soon as it gets a response. Node accepts one
 * connection per iteration of the event loop, so other clients would wait for seconds to be accepted.
 */
export class RejectionRateLimiter {
  readonly #limits: RejectionRateLimits;
  readonly #now: () => number;
  readonly #buckets: BoundedMap<string, TokenBucket>;

  /** @param now a monotonic clock in milliseconds. */
  constructor(limits: RejectionRateLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#buckets = new BoundedMap(limits.clients);
  }

  /**
   * Waits until the response to a rejected request can be sent, or the client leaves. A waiting request
   * is not in flight: it counts only for its connection.
   */
  async delay(
    request: IncomingMessage,
    client: ClientIdentity | undefined,
    slot: ExchangeSlot | ProxyError,
    leaving: AbortSignal,
  ): Promise<void> {
    const delayMs = this.take(client === undefined ? addressOf(request) : holderOf(client)[0]);
    if (delayMs === 0) return;
    releaseSlot(slot);
    await sleep(delayMs, leaving).catch(() => undefined);
  }

  /** Counts a rejection. @returns milliseconds that its response must wait for. */
  take(client: string): number {
    const bucket = this.#buckets.get(client) ?? new TokenBucket(this.#limits, this.#now);
    this.#buckets.set(client, bucket);
    const delayMs = bucket.delayMs(1);
    const { longestMs } = this.#limits;
    // Clients that leave instead of waiting must not delay others at their address for longer.
    if (delayMs >= longestMs) return longestMs;
    bucket.consume(1);
    return delayMs;
  }
}
