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

const validForMs = proxyLimits.tokens.validTtlMs;
const invalidForMs = proxyLimits.tokens.invalidTtlMs;
const maxValid = proxyLimits.tokens.valid;
const maxInvalid = proxyLimits.tokens.invalid;

interface Verdict {
  readonly client: ClientIdentity | undefined;
  readonly untilMonotonicMs: number;
}

export interface CachingTokenVerifierOptions {
  readonly verifier: TokenVerifier;
  readonly audience: string;
  readonly clock: Clock;
  readonly monotonicNow: () => number;
  readonly onReview?: (outcome: 'cache' | 'api') => void;
}

/**
 * Caches verdicts on tokens by the token's digest. Concurrent requests with one token share a review. A client can
 * invent any number of invalid tokens, so rejected tokens have a cache of their own. Tokens that their own claims show
 * to be invalid are not cached.
 */
export class CachingTokenVerifier implements TokenVerifier {
  readonly #options: CachingTokenVerifierOptions;
  /** Shared fairly by namespace of the service account. */
  readonly #valid = new BoundedMap<Verdict>(maxValid);
  /** Shared fairly by client address. */
  readonly #invalid = new BoundedMap<Verdict>(maxInvalid);
  readonly #digests = new WeakMap<Secret, string>();
  readonly #reviews = new SingleFlight<ClientIdentity | undefined>();

  constructor(options: CachingTokenVerifierOptions) {
    this.#options = options;
  }

  verify(token: Secret, from: string, signal: AbortSignal): Awaitable<ClientIdentity | undefined> {
    const key = this.#digestOf(token);
    const cached = this.#valid.get(key) ?? this.#invalid.get(key);
    if (cached !== undefined && cached.untilMonotonicMs > this.#options.monotonicNow()) {
      this.#options.onReview?.('cache');
      return this.#unexpired(cached.client);
    }
    if (!this.#canBeValid(token)) return undefined;
    return this.#reviews
      .run(key, signal, (shared) => this.#review(key, token, from, shared))
      .then((client) => this.#unexpired(client));
  }

  /** Returns the digest, computed once per token object: all requests in a tunnel carry the same one. */
  #digestOf(token: Secret): string {
    let digest = this.#digests.get(token);
    if (digest === undefined) {
      digest = createHash('sha256').update(token.expose()).digest('base64');
      this.#digests.set(token, digest);
    }
    return digest;
  }

  async #review(key: string, token: Secret, from: string, signal: AbortSignal): Promise<ClientIdentity | undefined> {
    const { verifier, monotonicNow, onReview } = this.#options;
    onReview?.('api');
    const startedMs = monotonicNow();
    const client = await verifier.verify(token, from, signal);
    this.#valid.delete(key);
    this.#invalid.delete(key);
    if (client === undefined) this.#invalid.set(key, { client, untilMonotonicMs: startedMs + invalidForMs }, from);
    else this.#valid.set(key, { client, untilMonotonicMs: startedMs + validForMs }, namespaceOf(client));
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

function namespaceOf({ user }: ClientIdentity): string {
  return serviceAccountOf(user)?.namespace ?? '';
}
