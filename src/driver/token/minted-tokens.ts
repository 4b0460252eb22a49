import { CodedError, throwIfAborted } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import { jsonMember } from '../../json.js';
import { abortable } from '../../abortable.js';
import type { StatusMapping } from '../../kube/api-failure.js';
import { apiFailure } from '../../kube/api-failure.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { KubeError } from '../../kube/kube-error.js';
import type { ResourceType } from '../../kube/resource-location.js';
import { Secret } from '../../secret.js';
import type { Clock, Moment } from '../../clock.js';
import type { ProxyToken, TokenRequest, TokenSource } from '../volume/ports.js';
import { parseTokenClaims } from './token-claims.js';

const serviceAccountType: ResourceType = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' };

/** What a token lives that nobody asked a lifetime for. */
const defaultExpirationMs = 30 * 60_000;
/** Tokens are renewed when this part of their life is over, as the kubelet does. */
const renewAfter = 0.8;

/** The client's own time bound ends the request. */
const neverAborted = new AbortController().signal;

/**
 * Milliseconds after which a token that nobody asks for is forgotten. Volumes ask each minute; nobody says when a pod
 * is gone, and a pod's author may have asked for years.
 */
const idleMs = 10 * 60_000;

interface MintedToken {
  readonly token: ProxyToken;
  /** Due when either clock says so. */
  readonly renewAt: Moment;
  lastAskedMs: number;
}

/**
 * Tokens minted by TokenRequest for the pod's own service account and bound to the pod (`--allow-token-minting`). Each
 * is kept until 80 % of its life is over or nobody asks for it any more; concurrent calls share one request.
 */
export class MintedTokens implements TokenSource {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #minted = new Map<string, MintedToken>();
  readonly #underWay = new Map<string, Promise<MintedToken>>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws {CodedError} also INVALID_ARGUMENT for a lifetime that the API server refuses. */
  async tokenFor(request: TokenRequest, signal: AbortSignal): Promise<ProxyToken> {
    const key = keyOf(request);
    const known = this.#known(key);
    if (known !== undefined && !this.#isDue(known)) return known.token;
    const next = this.#mintOnce(key, request);
    try {
      // As the kubelet does: what cannot be renewed, or not yet, is used until it expires.
      if (known !== undefined && this.#clock.now() < known.token.expiresAtMs) {
        const soon = await this.#client.withGracePeriod(next, signal).catch(() => undefined);
        throwIfAborted(signal);
        return (soon ?? known).token;
      }
      return (await abortable(next, signal)).token;
    } catch (error) {
      throw mintingFailure(error, request, this.#client.problem);
    }
  }

  peek(request: TokenRequest): ProxyToken | undefined {
    const key = keyOf(request);
    const known = this.#known(key);
    if (known === undefined || !this.#isDue(known)) return known?.token;
    if (this.#clock.now() >= known.token.expiresAtMs || this.#client.problem === undefined) return undefined;
    // Nobody waits for a server that does not answer; it is asked nevertheless.
    void this.#mintOnce(key, request);
    return known.token;
  }

  #now(): Moment {
    return { wallMs: this.#clock.now(), monotonicMs: this.#client.clock.now() };
  }

  #isDue({ renewAt }: MintedToken): boolean {
    const { wallMs, monotonicMs } = this.#now();
    return wallMs >= renewAt.wallMs || monotonicMs >= renewAt.monotonicMs;
  }

  #known(key: string): MintedToken | undefined {
    const known = this.#minted.get(key);
    if (known !== undefined) known.lastAskedMs = this.#clock.now();
    return known;
  }

  /** The request belongs to all who wait for it: it goes on when they give up. */
  #mintOnce(key: string, request: TokenRequest): Promise<MintedToken> {
    let underWay = this.#underWay.get(key);
    if (underWay === undefined) {
      underWay = this.#mint(request)
        .then((minted) => this.#remember(key, minted))
        .finally(() => this.#underWay.delete(key));
      // Everybody may have given up by the time it fails.
      underWay.catch(() => undefined);
      this.#underWay.set(key, underWay);
    }
    return underWay;
  }

  #remember(key: string, minted: MintedToken): MintedToken {
    const nowMs = this.#clock.now();
    for (const [other, { lastAskedMs }] of this.#minted) {
      if (nowMs - lastAskedMs >= idleMs) this.#minted.delete(other);
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
      const answer = await this.#client.create(location, body, {
        signal: neverAborted,
        owner: { namespace, podUid: pod.uid },
        isIdempotent: true,
      });
      return this.#parse(answer, accountOf(request));
    } catch (error) {
      throw mintingFailure(error, request, this.#client.problem);
    }
  }

  #parse(answer: JsonObject, account: string): MintedToken {
    const text = jsonMember(jsonMember(answer, 'status'), 'token');
    const secret = new Secret(typeof text === 'string' ? text : '');
    const claims = parseTokenClaims(secret);
    if (claims === undefined) {
      throw new CodedError('UNAVAILABLE', `the API server answered the request for a token of ${account} without one`);
    }
    const { wallMs, monotonicMs } = this.#now();
    const { expiresAtMs, issuedAtMs = wallMs } = claims;
    // By the API server's own times: the node's clock may be far from its.
    const renewAfterMs = renewAfter * (expiresAtMs - issuedAtMs);
    const renewAt = { wallMs: wallMs + renewAfterMs, monotonicMs: monotonicMs + renewAfterMs };
    return { token: { secret, expiresAtMs }, renewAt, lastAskedMs: wallMs };
  }
}

function keyOf({ pod, audience, expirationMs }: TokenRequest): string {
  return JSON.stringify([pod.uid, pod.namespace, pod.serviceAccountName, audience, expirationMs]);
}

function accountOf({ pod }: TokenRequest): string {
  return `${pod.namespace}/${pod.serviceAccountName}`;
}

/** What a failure to mint for the request means. */
function mintingFailure(error: unknown, request: TokenRequest, problem: KubeError | undefined): CodedError {
  const refused: StatusMapping = { code: 'INVALID_ARGUMENT', explain: (answer) => answer };
  return apiFailure(error, {
    doing: `minting a token for service account ${accountOf(request)}`,
    problem,
    statusMappings: { 400: refused, 422: refused, 403: { code: 'FAILED_PRECONDITION', explain: () => notAllowed } },
  });
}

const notAllowed =
  'the driver\'s own service account may not "create" "serviceaccounts/token"; apply the component token-minting';
