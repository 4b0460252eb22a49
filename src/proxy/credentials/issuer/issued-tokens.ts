import { abortable, sleep } from '../../../shared/abortable.ts';
import type { Clock } from '../../../shared/clock.ts';
import { throwIfAborted } from '../../../shared/errors.ts';
import { BoundedMap } from '../../../shared/limits/bounded-map.ts';
import { SingleFlight } from '../../../shared/limits/single-flight.ts';
import type { Secret } from '../../../shared/secret.ts';
import { proxyLimits } from '../../limits.ts';
import type { CachedToken, TokenCache } from '../token-cache.ts';

/** The tokens of one credential. */
export interface TokenSlot {
  readonly key: string;
  /** Holder of the cached token. */
  readonly namespace: string;
  /** Requests a token. Not cancelled when clients leave. */
  readonly request: () => Promise<CachedToken>;
}

export interface IssuedTokensOptions {
  readonly cache: TokenCache;
  readonly clock: Clock;
  readonly monotonicNow: () => number;
}

interface Attempt {
  readonly startedMs: number;
  /** Why it failed. */
  failure?: unknown;
}

/**
 * Tokens of issuers, cached until shortly before they expire. After four fifths of a token's life a newer one is
 * requested while the old one is used. Each is requested once at a time, and at most once in 5 s, even if all
 * clients leave, tokens expire at once, or requests fail.
 */
export class IssuedTokens {
  readonly #options: IssuedTokensOptions;
  readonly #flights = new SingleFlight<CachedToken>();
  /** Of credentials whose last request is known. */
  readonly #attempts = new BoundedMap<Attempt>(proxyLimits.issuedTokens.credentials);

  constructor(options: IssuedTokensOptions) {
    this.#options = options;
  }

  /**
   * Returns a usable token, cached or requested.
   * @throws the failure of the request, which is kept for 5 s; {CodedError} the signal's reason.
   */
  async get(slot: TokenSlot, signal: AbortSignal): Promise<Secret> {
    const { cache, clock } = this.#options;
    for (;;) {
      throwIfAborted(signal);
      const cached = cache.get(slot.key);
      const nowMs = clock.now();
      const waitMs = this.#waitMs(slot.key);
      if (cached !== undefined && nowMs < cached.usableUntilMs) {
        if (nowMs >= cached.renewAtMs && waitMs <= 0) this.#request(slot).catch(() => undefined);
        return cached.value;
      }
      if (waitMs <= 0 || this.#flights.has(slot.key)) return (await abortable(this.#request(slot), signal)).value;
      const { failure } = this.#attempts.get(slot.key) ?? {};
      if (failure !== undefined) throw failure as Error;
      await sleep(waitMs, signal);
    }
  }

  /**
   * Returns another token after a tool has rejected one.
   * @returns undefined if there is none: the rejected one is new, so the tool rejects more than the token.
   * @throws as `get`.
   */
  async newer(slot: TokenSlot, rejected: Secret, signal: AbortSignal): Promise<Secret | undefined> {
    const isCurrent = rejected.equals(this.#options.cache.get(slot.key)?.value);
    if (isCurrent && !this.reject(slot, rejected)) return undefined;
    const value = await this.get(slot, signal);
    return value.equals(rejected) ? undefined : value;
  }

  /** Evicts a token that a tool has rejected. @returns whether another one can be requested now. */
  reject({ key }: TokenSlot, rejected: Secret): boolean {
    const { cache } = this.#options;
    if (this.#waitMs(key) > 0) return false;
    if (rejected.equals(cache.get(key)?.value)) cache.delete(key);
    return true;
  }

  /** Returns the time until the next request is permitted. */
  #waitMs(key: string): number {
    const attempt = this.#attempts.get(key);
    const { everyMs } = proxyLimits.issuedTokens;
    return attempt === undefined ? 0 : attempt.startedMs + everyMs - this.#options.monotonicNow();
  }

  /** Joins the request in flight, or sends it. It goes on without its caller. */
  #request(slot: TokenSlot): Promise<CachedToken> {
    const { signal } = new AbortController();
    return this.#flights.run(slot.key, signal, async () => {
      const { cache, monotonicNow } = this.#options;
      const { key, namespace } = slot;
      const attempt: Attempt = { startedMs: monotonicNow() };
      this.#attempts.set(key, attempt, namespace);
      try {
        const token = await slot.request();
        cache.set(key, token, namespace);
        return token;
      } catch (error) {
        attempt.failure = error;
        throw error;
      }
    });
  }
}
