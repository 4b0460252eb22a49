import { formatDuration } from '../../shared/duration.ts';
import { CodedError } from '../../shared/errors.ts';
import { jsonMember, jsonText } from '../../shared/json.ts';
import type { JsonValue } from '../../shared/json.ts';
import { Secret } from '../../shared/secret.ts';
import { quote } from '../../shared/message-text.ts';
import type { Clock } from '../../shared/clock.ts';
import type { OtherLifetime, PassedTokens, ProxyToken, TokenRequest, TokenSource } from '../publish/ports.ts';
import type { PodIdentity } from '../../shared/access/permission.ts';
import type { TokenClaims } from '../../shared/access/token-claims.ts';
import { parseTokenClaims } from '../../shared/access/token-claims.ts';

/**
 * Where tokens in a request are accepted. `secrets`, `volume-context`: as in the CSIDriver object; only there the
 * kubelet overwrites the value that a pod's author set. `none`: the CSIDriver object requests no token of the audience, so a
 * token in the request is not the kubelet's. `either`: there is no CSIDriver object.
 */
export type PassedTokenOrigin = 'secrets' | 'volume-context' | 'either' | 'none';

export interface KubeletTokensOptions {
  /** Returns where the kubelet puts tokens for an audience; called for each request. */
  readonly origin: (audience: string) => PassedTokenOrigin;
  /** Mints tokens of another lifetime; undefined if minting is off. */
  readonly minter: TokenSource | undefined;
  /**
   * Reports whether tokens for an audience can be minted. The author of a Connector's status chooses the audience, and
   * must not obtain a token for the API server.
   */
  readonly canMint: (audience: string) => boolean;
  /** Whether an unavailable lifetime is an error. */
  readonly isStrict: boolean;
  readonly clock: Clock;
}

/** Tolerance for comparisons of a requested lifetime with a token's own: the API server can round. */
const lifetimeToleranceMs = 1000;

/** The service-account tokens that the kubelet passes with each publish (CSIDriver `tokenRequests`). */
export class KubeletTokens implements TokenSource {
  readonly #options: KubeletTokensOptions;

  constructor(options: KubeletTokensOptions) {
    this.#options = options;
  }

  async tokenFor(request: TokenRequest, signal: AbortSignal): Promise<ProxyToken> {
    const found = this.#find(request);
    return 'secret' in found ? found : found.tokenFor(request, signal);
  }

  peek(request: TokenRequest): ProxyToken | undefined {
    try {
      const found = this.#find(request);
      return 'secret' in found ? found : found.peek(request);
    } catch (error) {
      // The full path throws the same error again and reports it.
      if (error instanceof CodedError) return undefined;
      throw error;
    }
  }

  /** Returns the kubelet's token, or the source of tokens with another lifetime. */
  #find(request: TokenRequest): ProxyToken | TokenSource {
    const passed = this.#passedToken(request);
    if (passed !== undefined && isOfLifetime(passed.claims, request.expirationMs)) return this.#unexpired(passed);
    const { canMint, minter } = this.#options;
    if (minter !== undefined && canMint(request.audience)) return minter;
    if (passed !== undefined) return this.#ofOtherLifetime(passed, request);
    const audience = quote(request.audience);
    const message = `the kubelet passed no token for audience ${audience}: add to spec.tokenRequests of the driver's CSIDriver object the item {audience: ${audience}, expirationSeconds: 1800}`;
    throw new CodedError('FAILED_PRECONDITION', message);
  }

  #ofOtherLifetime(passed: PassedToken, { expirationMs }: TokenRequest): ProxyToken {
    const otherLifetime = otherLifetimeOf(passed.claims, expirationMs ?? 0);
    if (!this.#options.isStrict) return { ...this.#unexpired(passed), otherLifetime };
    const message = `attribute "token.expiration" requests a lifetime that the kubelet's token does not have: remove the attribute, or start the driver with --allow-token-minting or without --strict-token-expiration`;
    throw new CodedError('FAILED_PRECONDITION', message);
  }

  #unexpired({ secret, claims }: PassedToken): ProxyToken {
    if (claims.expiresAtMs <= this.#options.clock.now()) {
      const expiredAt = new Date(claims.expiresAtMs).toISOString();
      const message = `the token that the kubelet passed expired at ${expiredAt}: the kubelet cannot rotate it, or the clocks differ; check the kubelet's log and the node's clock`;
      throw new CodedError('UNAVAILABLE', message);
    }
    return { secret, expiresAtMs: claims.expiresAtMs };
  }

  #passedToken({ passed, pod, audience }: TokenRequest): PassedToken | undefined {
    const json = passedJson(passed, this.#options.origin(audience));
    const secret = json === undefined ? undefined : tokenOfAudience(json, audience);
    if (secret === undefined) return undefined;
    const claims = claimsOf(secret, audience);
    ensureTokenOf(pod, claims);
    return { secret, claims };
  }
}

interface PassedToken {
  readonly secret: Secret;
  readonly claims: TokenClaims;
}

function passedJson({ inSecrets, inVolumeContext }: PassedTokens, origin: PassedTokenOrigin): Secret | undefined {
  switch (origin) {
    case 'secrets':
      return inSecrets;
    case 'volume-context':
      // A token in secrets would then come from the Secret that the pod's author named in nodePublishSecretRef.
      return inVolumeContext;
    case 'either':
      return inSecrets ?? inVolumeContext;
    case 'none':
      return undefined;
  }
}

/** @param json the kubelet's `{"<audience>": {"token": …, "expirationTimestamp": …}}`. */
function tokenOfAudience(json: Secret, audience: string): Secret | undefined {
  try {
    // Not `parseJson`, because each publish does this and needs no number.
    const token = jsonText(jsonMember(JSON.parse(json.expose()) as JsonValue, audience), 'token');
    return token === undefined ? undefined : new Secret(token);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The parser's message can quote the text, so it does not become the cause.
    throw new CodedError('FAILED_PRECONDITION', 'csi.storage.k8s.io/serviceAccount.tokens is not valid JSON');
  }
}

/** Parses the token's claims. @throws {CodedError} FAILED_PRECONDITION if it is not a token. */
function claimsOf(token: Secret, audience: string): TokenClaims {
  const claims = parseTokenClaims(token);
  if (claims !== undefined) return claims;
  const message = `the token passed for audience ${quote(audience)} is not a JSON Web Token with an "exp" claim`;
  throw new CodedError('FAILED_PRECONDITION', message);
}

/**
 * Rejects a token that is not bound to the pod, because the kubelet did not put it there. Access is checked for the
 * pod's service account, so a token of another one must not come with it.
 */
function ensureTokenOf(pod: PodIdentity, claims: TokenClaims): void {
  const { namespace, name, uid, serviceAccountName } = pod;
  if (claims.namespace !== namespace || claims.podUid !== uid) {
    const message = `the passed token is not bound to pod ${namespace}/${name} (uid ${uid}): only the kubelet may pass tokens`;
    throw new CodedError('PERMISSION_DENIED', message);
  }
  const account = claims.serviceAccountName;
  if (account !== undefined && account !== serviceAccountName) {
    const message = `the passed token is of service account ${quote(account)}, but pod ${namespace}/${name} runs as ${quote(serviceAccountName)}: only the kubelet may pass tokens`;
    throw new CodedError('PERMISSION_DENIED', message);
  }
}

/** Describes the kubelet's token if another lifetime is requested. */
function otherLifetimeOf({ issuedAtMs, expiresAtMs }: TokenClaims, expirationMs: number): OtherLifetime {
  const lifetimeMs = issuedAtMs === undefined ? undefined : expiresAtMs - issuedAtMs;
  const isRequestLonger = lifetimeMs !== undefined && expirationMs > lifetimeMs;
  const life =
    lifetimeMs === undefined ? 'whose lifetime is unknown' : `which is valid for ${formatDuration(lifetimeMs)}`;
  const how = isRequestLonger
    ? 'the driver replaces it in the file before it expires'
    : 'only --allow-token-minting provides a shorter lifetime';
  return {
    isRequestLonger,
    message: `attribute "token.expiration" requests ${formatDuration(expirationMs)}: the volume has the kubelet's token, ${life}; ${how}`,
  };
}

function isOfLifetime({ issuedAtMs, expiresAtMs }: TokenClaims, expirationMs: number | undefined): boolean {
  if (expirationMs === undefined) return true;
  return issuedAtMs !== undefined && Math.abs(expiresAtMs - issuedAtMs - expirationMs) <= lifetimeToleranceMs;
}
