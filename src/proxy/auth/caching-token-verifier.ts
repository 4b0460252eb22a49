import { createHash } from 'node:crypto';
import type { Awaitable } from '../../shared/awaitable.js';
import type { Clock } from '../../shared/clock.js';
import { SingleFlight } from '../../shared/limits/single-flight.js';
import { BoundedMap } from '../../shared/limits/bounded-map.js';
import type { Secret } from '../../shared/secret.js';
import type { ClientIdentity } from './client-identity.js';
import { serviceAccountOf } from './client-identity.js';
import { tokenClaims } from './token-claims.js';
import type { TokenVerifier } from './ports.js';
import { proxyLimits } from '../limits.js';

interface Verdict {
  readonly client: ClientIdentity;
  readonly untilMonotonicMs: number;
}

export interface CachingTokenVerifierOptions {
  readonly verifier: TokenVerifier;
  readonly audience: string;
  readonly clock: Clock;
  readonly monotonicNow: () => number;
}

/**
 * Caches the identities of valid tokens by the token's digest. Concurrent requests with one token share a review. A
 * client can invent any number of invalid tokens, so they are not cached; their reviews are rate-limited.
 */
export class CachingTokenVerifier implements TokenVerifier {
  readonly #options: CachingTokenVerifierOptions;
  /** Shared fairly by namespace of the service account. */
  readonly #valid = new BoundedMap<Verdict>(proxyLimits.tokens.valid);
  readonly #reviews = new SingleFlight<ClientIdentity | undefined>();

  constructor(options: CachingTokenVerifierOptions) {
    this.#options = options;
  }

  verify(token: Secret, from: string, signal: AbortSignal): Awaitable<ClientIdentity | undefined> {
    const key = createHash('sha256').update(token.expose()).digest('base64');
    const cached = this.#valid.get(key);
    if (cached !== undefined && cached.untilMonotonicMs > this.#options.monotonicNow()) {
      return this.#unexpired(cached.client);
    }
    if (!this.#canBeValid(token)) return undefined;
    return this.#reviews
      .run(key, signal, (shared) => this.#review(key, token, from, shared))
      .then((client) => this.#unexpired(client));
  }

  async #review(key: string, token: Secret, from: string, signal: AbortSignal): Promise<ClientIdentity | undefined> {
    const { verifier, monotonicNow } = this.#options;
    const startedMs = monotonicNow();
    const client = await verifier.verify(token, from, signal);
    this.#valid.delete(key);
    if (client !== undefined) {
      const untilMonotonicMs = startedMs + proxyLimits.tokens.validTtlMs;
      this.#valid.set(key, { client, untilMonotonicMs }, serviceAccountOf(client.user)?.namespace ?? '');
    }
    return client;
  }

  /**
   * Reports whether the token's own claims permit it to be valid. This check saves a review for each use of an old
   * token.
   */
  #canBeValid(token: Secret): boolean {
    const { audience, clock } = this.#options;
    const claims = tokenClaims(token);
    return claims !== undefined && claims.expiresAtMs > clock.now() && claims.audiences.includes(audience);
  }

  #unexpired(client: ClientIdentity | undefined): ClientIdentity | undefined {
    return client !== undefined && client.expiresAtMs > this.#options.clock.now() ? client : undefined;
  }
}
