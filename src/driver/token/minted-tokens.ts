import { CodedError, throwIfAborted } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';
import { jsonText } from '../../shared/json.ts';
import { abortable, neverAborted } from '../../shared/abortable.ts';
import type { StatusMapping } from '../../shared/kube/api-failure.ts';
import { apiFailure } from '../../shared/kube/api-failure.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { KubeError } from '../../shared/kube/kube-error.ts';
import type { ResourceType } from '../../shared/kube/resource-location.ts';
import { SingleFlight } from '../../shared/limits/single-flight.ts';
import { Secret } from '../../shared/secret.ts';
import type { Clock } from '../../shared/clock.ts';
import type { ProxyToken, TokenRequest, TokenSource } from '../publish/ports.ts';
import { parseTokenClaims } from '../../shared/access/token-claims.ts';

const serviceAccountType: ResourceType = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' };

/** Lifetime of a token if none is requested. */
const defaultExpirationMs = 30 * 60_000;
/** Tokens are rotated after this fraction of their lifetime, as the kubelet does. */
const rotateAfter = 0.8;

/**
 * Time in milliseconds after which an unused token is dropped. Volumes use theirs each minute, the end of a pod is not
 * reported, and a pod's author can request a lifetime of years.
 */
const idleMs = 10 * 60_000;

interface MintedToken {
  readonly token: ProxyToken;
  /** By the monotonic clock. */
  readonly rotateAtMs: number;
  lastUsedMs: number;
}

/**
 * Tokens minted by TokenRequest for the pod's own service account and bound to the pod (`--allow-token-minting`). A
 * token is cached until 80 % of its lifetime has passed or it is no longer used; concurrent calls share one request.
 */
export class MintedTokens implements TokenSource {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #minted = new Map<string, MintedToken>();
  readonly #requests = new SingleFlight<MintedToken>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws {CodedError} also INVALID_ARGUMENT for a lifetime that the API server rejects. */
  async tokenFor(request: TokenRequest, signal: AbortSignal): Promise<ProxyToken> {
    const key = keyOf(request);
    const cached = this.#cached(key);
    if (cached !== undefined && !this.#isDue(cached)) return cached.token;
    const next = this.#mintOnce(key, request);
    try {
      // Like the kubelet, uses a token that cannot be rotated yet until it expires.
      if (cached !== undefined && this.#clock.now() < cached.token.expiresAtMs) {
        const soon = await this.#client.withGracePeriod(next, signal).catch(() => undefined);
        throwIfAborted(signal);
        return (soon ?? cached).token;
      }
      return (await abortable(next, signal)).token;
    } catch (error) {
      throw mintingFailure(error, request, this.#client.problem);
    }
  }

  peek(request: TokenRequest): ProxyToken | undefined {
    const cached = this.#cached(keyOf(request));
    return cached === undefined || this.#isDue(cached) ? undefined : cached.token;
  }

  #isDue({ rotateAtMs }: MintedToken): boolean {
    return this.#client.clock.now() >= rotateAtMs;
  }

  #cached(key: string): MintedToken | undefined {
    const cached = this.#minted.get(key);
    if (cached !== undefined) cached.lastUsedMs = this.#clock.now();
    return cached;
  }

  /** Mints a token, or joins the request in flight. The request continues when its callers leave. */
  #mintOnce(key: string, request: TokenRequest): Promise<MintedToken> {
    const next = this.#requests.run(key, neverAborted, async () => this.#cache(key, await this.#mint(request)));
    // All callers can have left by the time it fails.
    next.catch(() => undefined);
    return next;
  }

  #cache(key: string, minted: MintedToken): MintedToken {
    const nowMs = this.#clock.now();
    for (const [other, { lastUsedMs }] of this.#minted) {
      if (nowMs - lastUsedMs >= idleMs) this.#minted.delete(other);
    }
    this.#minted.set(key, minted);
    return minted;
  }

  async #mint(request: TokenRequest): Promise<MintedToken> {
    const { pod, expirationMs = defaultExpirationMs } = request;
    const { namespace, serviceAccountName } = pod;
    const body: JsonObject = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: [request.audience],
        expirationSeconds: BigInt(Math.round(expirationMs / 1000)),
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid },
      },
    };
    const location = { type: serviceAccountType, namespace, name: serviceAccountName, subresource: 'token' };
    try {
      const response = await this.#client.create(location, body, {
        signal: neverAborted,
        owner: { namespace, podUid: pod.uid },
        isIdempotent: true,
      });
      return this.#parse(response, accountOf(request));
    } catch (error) {
      throw mintingFailure(error, request, this.#client.problem);
    }
  }

  #parse(response: JsonObject, account: string): MintedToken {
    const secret = new Secret(jsonText(response['status'], 'token') ?? '');
    const claims = parseTokenClaims(secret);
    if (claims === undefined) {
      throw new CodedError('UNAVAILABLE', `the API server answered the request for a token of ${account} without one`);
    }
    const nowMs = this.#clock.now();
    const { expiresAtMs, issuedAtMs = nowMs } = claims;
    // Uses the API server's own times: the node's clock can differ, and be set.
    const rotateAtMs = this.#client.clock.now() + rotateAfter * (expiresAtMs - issuedAtMs);
    return { token: { secret, expiresAtMs }, rotateAtMs, lastUsedMs: nowMs };
  }
}

function keyOf({ pod, audience, expirationMs }: TokenRequest): string {
  return JSON.stringify([pod.uid, pod.namespace, pod.serviceAccountName, audience, expirationMs]);
}

function accountOf({ pod }: TokenRequest): string {
  return `${pod.namespace}/${pod.serviceAccountName}`;
}

/** Converts an error of a TokenRequest. */
function mintingFailure(error: unknown, request: TokenRequest, problem: KubeError | undefined): CodedError {
  const rejected: StatusMapping = { code: 'INVALID_ARGUMENT', explain: (message) => message };
  return apiFailure(error, {
    doing: `minting a token for service account ${accountOf(request)}`,
    problem,
    statusMappings: { 400: rejected, 422: rejected, 403: { code: 'FAILED_PRECONDITION', explain: () => notAllowed } },
  });
}

const notAllowed =
  "the driver's own service account cannot create serviceaccounts/token: apply the chart with driver.tokenMinting=true";
