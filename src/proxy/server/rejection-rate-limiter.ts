import type { IncomingMessage } from 'node:http';
import { BoundedMap } from '../../limits/bounded-map.js';
import { TokenBucket } from '../../limits/token-bucket.js';
import type { TokenBucketOptions } from '../../limits/token-bucket.js';
import type { ProxyError } from '../proxy-error.js';
import { releaseSlot } from './exchange-slots.js';
import type { ExchangeSlot } from './exchange-slots.js';

/** Rejections of one client address; see `limits.rejections`. */
export interface RejectionRateLimits extends TokenBucketOptions {
  /** Longest delay of a response, milliseconds. */
  readonly longestMs: number;
  /** Client addresses that are kept. */
  readonly addresses: number;
}

/**
 * Delays responses to requests that are rejected before a token names their client. The attacker is a pod with hundreds of
 * connections and no token, which sends a request as soon as it gets a response. Node accepts one connection per iteration
 * of the event loop, so clients at other addresses would wait for seconds to be accepted.
 */
export class RejectionRateLimiter {
  readonly #limits: RejectionRateLimits;
  readonly #now: () => number;
  /** By client address. */
  readonly #buckets: BoundedMap<string, TokenBucket>;

  /** @param now a monotonic clock in milliseconds. */
  constructor(limits: RejectionRateLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#buckets = new BoundedMap(limits.addresses);
  }

  /**
   * Waits until the response to a rejected request can be sent, or the client leaves. A request that waits is not in flight:
   * it counts for its connection alone.
   */
  async delay({ socket }: IncomingMessage, slot: ExchangeSlot | ProxyError, leaving: AbortSignal): Promise<void> {
    const delayMs = this.take(socket.remoteAddress ?? '');
    if (delayMs === 0) return;
    releaseSlot(slot);
    await pause(delayMs, leaving);
  }

  /** Counts a rejection. @returns milliseconds that its response must wait for. */
  take(address: string): number {
    const bucket = this.#buckets.get(address) ?? new TokenBucket(this.#limits, this.#now);
    this.#buckets.set(address, bucket);
    const delayMs = bucket.delayMs(1);
    const { longestMs } = this.#limits;
    // Clients that leave instead of waiting must not delay others at their address by more.
    if (delayMs >= longestMs) return longestMs;
    bucket.consume(1);
    return delayMs;
  }
}

/** Waits for so long, or until the signal aborts. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener('abort', end);
  });
}
