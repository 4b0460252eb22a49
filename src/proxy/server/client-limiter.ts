import type { ConnectorRef } from '../../shared/connectors/model.js';
import { BoundedMap } from '../../shared/limits/bounded-map.js';
import { Counts } from '../../shared/limits/counts.js';
import { proxyLimits } from '../limits.js';
import { TokenBucket } from '../../shared/limits/token-bucket.js';
import type { ClientLimits } from '../rules/client-limits.js';
import { limitAnnotations } from '../rules/client-limits.js';
import { ProxyError } from '../proxy-error.js';

interface Rate {
  readonly perSecond: number;
  readonly bucket: TokenBucket;
}

/** Enforces the limits that owners of Connectors set for the requests of each pod. */
export class ClientLimiter {
  readonly #now: () => number;
  /** By Connector and client. */
  readonly #rates = new BoundedMap<string, Rate>(proxyLimits.clientLimits.tracked);
  readonly #running = new Counts();

  /** @param now a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /**
   * Counts a request.
   * @param client its pod, or its user if its token names none.
   * @returns a function to call at the end of the request.
   * @throws {ProxyError} 429 that names the Connector and the annotation.
   */
  enter({ namespace, name }: ConnectorRef, { perSecond, concurrent }: ClientLimits, client: string): () => void {
    if (perSecond === undefined && concurrent === undefined) return nothing;
    const key = `${namespace}/${name} ${client}`;
    if (concurrent !== undefined && this.#running.of(key) >= concurrent) {
      throw exceeded(`connector ${namespace}/${name} permits ${concurrent} requests of a pod at once`, 'concurrent', 1);
    }
    if (perSecond !== undefined) {
      const { bucket } = this.#rate(key, perSecond);
      const delayMs = bucket.delayMs(1);
      if (delayMs > 0) {
        const seconds = Math.ceil(delayMs / 1000);
        throw exceeded(
          `connector ${namespace}/${name} permits ${perSecond} requests of a pod per second`,
          'perSecond',
          seconds,
        );
      }
      bucket.consume(1);
    }
    if (concurrent === undefined) return nothing;
    this.#running.add(key);
    return () => this.#running.subtract(key);
  }

  #rate(key: string, perSecond: number): Rate {
    const known = this.#rates.get(key);
    const rate =
      known?.perSecond === perSecond
        ? known
        : {
            perSecond,
            bucket: new TokenBucket({ burst: Math.max(1, perSecond), everyMs: 1000 / perSecond }, this.#now),
          };
    this.#rates.set(key, rate);
    return rate;
  }
}

function nothing(): void {
  // No limit to leave.
}

function exceeded(what: string, limit: keyof typeof limitAnnotations, seconds: number): ProxyError {
  const message = `${what} (annotation ${limitAnnotations[limit]}): try again in ${seconds} s`;
  return new ProxyError(429, 'rate_limited', message, { headers: { 'Retry-After': String(seconds) } });
}
