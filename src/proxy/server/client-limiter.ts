import type { ConnectorRef } from '../../shared/connectors/model.ts';
import { Counts } from '../../shared/limits/counts.ts';
import { TokenBuckets } from '../../shared/limits/token-bucket.ts';
import type { OwnerLimits } from '../rules/owner-limits.ts';
import { limitAnnotations } from '../rules/owner-limits.ts';
import { ProxyError } from '../proxy-error.ts';

/** Enforces the limits that owners of Connectors set for the requests of each pod. */
export class ClientLimiter {
  /** By Connector, client and rate, which the owner can change. */
  readonly #rates: TokenBuckets;
  readonly #running = new Counts();

  /** @param now a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#rates = new TokenBuckets({ burst: 1, everyMs: 1000 }, now);
  }

  /**
   * Counts a request.
   * @param client its pod, or its user if its token names none.
   * @returns a function to call at the end of the request; undefined without a limit of requests at once.
   * @throws {ProxyError} 429 that names the Connector and the annotation.
   */
  acquire(
    { namespace, name }: ConnectorRef,
    { perSecond, concurrent }: OwnerLimits,
    client: string,
  ): (() => void) | undefined {
    const key = `${namespace}/${name} ${client}`;
    if (concurrent !== undefined && this.#running.of(key) >= concurrent) {
      throw exceeded(`connector ${namespace}/${name} permits ${concurrent} requests of a pod at once`, 'concurrent', 1);
    }
    if (perSecond !== undefined) {
      const rate = { burst: Math.max(1, perSecond), everyMs: 1000 / perSecond };
      const bucket = this.#rates.of(`${key} ${perSecond}`, rate);
      if (!bucket.acquire()) {
        const seconds = Math.ceil(bucket.delayMs(1) / 1000);
        throw exceeded(
          `connector ${namespace}/${name} permits ${perSecond} requests of a pod per second`,
          'perSecond',
          seconds,
        );
      }
    }
    if (concurrent === undefined) return undefined;
    this.#running.add(key);
    return () => this.#running.subtract(key);
  }
}

function exceeded(what: string, limit: keyof typeof limitAnnotations, seconds: number): ProxyError {
  const message = `${what} (annotation ${limitAnnotations[limit]}): try again in ${seconds} s`;
  return new ProxyError(429, 'rate_limited', message, { headers: { 'Retry-After': String(seconds) } });
}
