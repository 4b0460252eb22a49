import { hash } from 'node:crypto';
import type { Identity, ServiceAccount } from '../../shared/access/permission.ts';
import { serviceAccountOf } from '../../shared/access/permission.ts';
import type { Awaitable } from '../../shared/awaitable.ts';
import type { Clock } from '../../shared/clock.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonMember, jsonStrings, jsonText } from '../../shared/json.ts';
import { apiFailure } from '../../shared/kube/api-failure.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { SingleFlight } from '../../shared/limits/single-flight.ts';
import { perObject } from '../../shared/per-object.ts';
import type { FailureRateLimiter } from '../failure-rate-limiter.ts';
import { proxyLimits } from '../limits.ts';
import type { Secret } from '../../shared/secret.ts';
import { parseTokenClaims } from '../../shared/access/token-claims.ts';
import type { ClientIdentity, ClientPod, TokenVerifier } from './ports.ts';

const tokenReviews: ResourceType = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
};

/** Limit of one review with its retries. Clients wait for it, and they time out sooner than kubelets. */
const reviewMs = 10_000;

/** A tunnel looks up its token with each request. */
const digestOf = perObject((token: Secret) => hash('sha256', token.expose(), 'base64'));

interface CachedIdentity {
  readonly client: ClientIdentity;
  readonly untilMonotonicMs: number;
}

interface TokenReviewVerifierOptions {
  readonly client: KubeClient;
  readonly rateLimiter: FailureRateLimiter;
  readonly audience: string;
  readonly clock: Clock;
}

/**
 * Authenticates clients with TokenReviews. Caches the identities of valid tokens by the token's digest. Concurrent
 * requests with one token share a review. A client can invent any number of invalid tokens, so they are not cached;
 * their reviews are rate-limited.
 */
export class TokenReviewVerifier implements TokenVerifier {
  readonly #options: TokenReviewVerifierOptions;
  /** Shared fairly by namespace of the service account. */
  readonly #valid = new BoundedMap<CachedIdentity>(proxyLimits.tokens.valid);
  readonly #reviews = new SingleFlight<ClientIdentity | undefined>();

  constructor(options: TokenReviewVerifierOptions) {
    this.#options = options;
  }

  verify(token: Secret, from: string, signal: AbortSignal): Awaitable<ClientIdentity | undefined> {
    const { client: kube, audience, clock } = this.#options;
    const key = digestOf(token);
    const cached = this.#valid.get(key);
    if (cached !== undefined && cached.untilMonotonicMs > kube.clock.now()) {
      return cached.client.expiresAtMs > clock.now() ? cached.client : undefined;
    }
    const claims = parseTokenClaims(token);
    // The token's own claims can show that it is invalid. This saves a review for each use of an old token.
    if (claims === undefined || claims.expiresAtMs <= clock.now() || !claims.audiences.includes(audience)) {
      return undefined;
    }
    return this.#reviews.run(key, signal, (shared) => this.#read(key, token, claims.expiresAtMs, from, shared));
  }

  async #read(
    key: string,
    token: Secret,
    expiresAtMs: number,
    from: string,
    signal: AbortSignal,
  ): Promise<ClientIdentity | undefined> {
    const { client: kube, rateLimiter } = this.#options;
    const startedMs = kube.clock.now();
    const review = (): Promise<ClientIdentity | undefined> => this.#review(token, expiresAtMs, signal);
    const tooMany = `too many rejected tokens from ${from}`;
    const client = await rateLimiter.run(from, review, (found) => found !== undefined, tooMany, signal);
    this.#valid.delete(key);
    if (client !== undefined) {
      const untilMonotonicMs = startedMs + proxyLimits.tokens.validTtlMs;
      this.#valid.set(key, { client, untilMonotonicMs }, client.account?.namespace ?? '');
    }
    return client;
  }

  /** Requires `authenticated` and the audience in the review: a server that ignores audiences returns none. */
  async #review(token: Secret, expiresAtMs: number, signal: AbortSignal): Promise<ClientIdentity | undefined> {
    const { client, audience } = this.#options;
    const review: JsonObject = {
      apiVersion: tokenReviews.apiVersion,
      kind: tokenReviews.kind,
      spec: { token: token.expose(), audiences: [audience] },
    };
    let answer: JsonObject;
    try {
      answer = await client.create({ type: tokenReviews }, review, { signal, timeoutMs: reviewMs, isIdempotent: true });
    } catch (error) {
      throw apiFailure(error, {
        doing: 'asking the API server about a token',
        needed: {
          apiGroup: 'authentication.k8s.io',
          resource: tokenReviews.plural,
          resourceNames: [],
          verbs: ['create'],
        },
        problem: client.problem,
      });
    }
    return clientIn(answer, audience, expiresAtMs);
  }
}

/** Converts a TokenReview to an identity; undefined for a rejected token. */
function clientIn(review: JsonObject, audience: string, expiresAtMs: number): ClientIdentity | undefined {
  const status = review['status'];
  if (jsonMember(status, 'authenticated') !== true) return undefined;
  if (!jsonStrings(jsonMember(status, 'audiences')).includes(audience)) return undefined;
  const user = jsonMember(status, 'user');
  const name = jsonText(user, 'username');
  if (name === undefined) return undefined;
  const extra = extraIn(jsonMember(user, 'extra'));
  const account = serviceAccountOf(name);
  return {
    user: name,
    account,
    identity: { uid: jsonText(user, 'uid') ?? '', groups: jsonStrings(jsonMember(user, 'groups')), extra },
    pod: podIn(account, extra),
    expiresAtMs,
  };
}

/** Returns the pod of the token, which the API server vouches for. Nothing here comes from the client. */
function podIn(account: ServiceAccount | undefined, extra: Identity['extra']): ClientPod | undefined {
  const [name] = extra['authentication.kubernetes.io/pod-name'] ?? [];
  const [uid] = extra['authentication.kubernetes.io/pod-uid'] ?? [];
  if (name === undefined || uid === undefined || account === undefined) return undefined;
  return { namespace: account.namespace, name, uid };
}

function extraIn(value: JsonValue | undefined): Identity['extra'] {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, values]) => [key, jsonStrings(values)]));
}
