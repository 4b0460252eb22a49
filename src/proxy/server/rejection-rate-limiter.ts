import type { IncomingMessage } from 'node:http';
import { sleep } from '../../shared/abortable.ts';
import { TokenBuckets } from '../../shared/limits/token-buckets.ts';
import type { ClientIdentity } from '../auth/ports.ts';
import { proxyLimits } from '../limits.ts';
import { addressOf, podOf } from './authenticated-client.ts';
import type { ExchangeSlot } from './exchange-slots.ts';

/**
 * Delays the proxy's own responses to rejected requests, per client: per pod, or per address without a valid token. The
 * attacker is a pod with hundreds of connections that sends a request as soon as it gets a response. Node accepts one
 * connection per iteration of the event loop, so other clients would wait for seconds to be accepted.
 */
export class RejectionRateLimiter {
  readonly #rates: TokenBuckets;

  /** @param now a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#rates = new TokenBuckets(proxyLimits.rejections, now);
  }

  /**
   * Waits until the response to a rejected request can be sent, or the client leaves. A waiting request
   * is not in flight: it counts only for its connection.
   */
  async delay(
    request: IncomingMessage,
    client: ClientIdentity | undefined,
    slot: ExchangeSlot,
    clientGone: AbortSignal,
  ): Promise<void> {
    const key = client === undefined ? addressOf(request) : podOf(client);
    const delayMs = this.#rates.of(key).acquireLater(proxyLimits.rejections.longestMs);
    if (delayMs === 0) return;
    slot.release();
    await sleep(delayMs, clientGone).catch(() => undefined);
  }
}
