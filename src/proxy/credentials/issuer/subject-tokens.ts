import { neverAborted } from '../../../shared/abortable.ts';
import { jsonMember, jsonText } from '../../../shared/json.ts';
import { apiFailure } from '../../../shared/kube/api-failure.ts';
import type { BearerToken } from '../../../shared/kube/bearer-token.ts';
import type { KubeClient } from '../../../shared/kube/kube-client.ts';
import { KubeError } from '../../../shared/kube/kube-error.ts';
import type { ResourceType } from '../../../shared/kube/resource-location.ts';
import { Secret } from '../../../shared/secret.ts';
import type { TokenClaims } from '../../../shared/access/token-claims.ts';
import { parseTokenClaims } from '../../../shared/access/token-claims.ts';
import { Misconfiguration, ProxyError } from '../../proxy-error.ts';
import type { IssuedToken, SubjectTokenRequest } from './issuer.ts';
import type { SecretKeys } from './secret-keys.ts';

const serviceAccounts: ResourceType = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts' };

/** Lifetimes of subject tokens. Providers whose tokens can outlive the subject token get a short one. */
export const subjectLife = { short: 600, long: 3600 } as const;

/** Reads the keys that all Secrets for service accounts have. @param usual audience; undefined: the Secret must have it. */
export function identityIn(keys: SecretKeys, lifeSeconds: number, usual?: string): SubjectTokenRequest {
  const name = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
  return {
    serviceAccount: keys.matching('serviceAccount', name, 'the name of a service account in this namespace'),
    audience: usual === undefined ? keys.required('audience') : (keys.optional('audience') ?? usual),
    lifeSeconds,
  };
}

/** Requests subject tokens from the API server. None is kept. */
export class SubjectTokens {
  readonly #client: KubeClient;
  readonly #own: BearerToken | undefined;
  readonly #proxyAudience: string;

  /** @param own the proxy's token for the API server, which names the audiences of the API server. */
  constructor(client: KubeClient, own: BearerToken | undefined, proxyAudience: string) {
    this.#client = client;
    this.#own = own;
    this.#proxyAudience = proxyAudience;
  }

  /** Returns why no token can be for an audience: it could be used at the API server, or at this proxy. */
  audienceProblem({ audience }: SubjectTokenRequest): string | undefined {
    const own = this.#ownClaims();
    const forbidden = [this.#proxyAudience, own?.issuer, ...(own?.audiences ?? [])];
    return forbidden.includes(audience) ? 'its audience is that of the API server, or of the proxy' : undefined;
  }

  /**
   * @param nowMs time of the request, to which the lifetime is added: the clock of the API server can differ.
   * @throws {Misconfiguration} if the proxy lacks the permission, or the service account does not exist.
   * @throws {ProxyError} 503 if the API server does not respond.
   */
  async issue(namespace: string, request: SubjectTokenRequest, nowMs: number): Promise<IssuedToken> {
    const { serviceAccount: name, audience, lifeSeconds } = request;
    const what = `service account ${namespace}/${name}`;
    if (this.#ownClaims() === undefined) {
      const fix = 'run the proxy with a token of its service account';
      throw new Misconfiguration('IdentityForbidden', `the audiences of the API server are unknown: ${fix}`);
    }
    const location = { type: serviceAccounts, namespace, name, subresource: 'token' };
    const spec = { audiences: [audience], expirationSeconds: BigInt(lifeSeconds) };
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
    const owner = { namespace, podUid: '' };
    const answer = await this.#client
      .create(location, body, { signal: neverAborted, owner, isIdempotent: true })
      .catch((error: unknown) => {
        throw issueFailure(error, what, namespace, this.#client.problem);
      });
    const value = new Secret(jsonText(answer['status'], 'token') ?? '');
    const issued = parseTokenClaims(value);
    if (issued === undefined || issued.audiences.some((each) => each !== audience || each === issued.issuer)) {
      const problem = `the API server creates no token of ${what} for the audience of the Secret alone`;
      throw new Misconfiguration('IdentityForbidden', `${problem}: name the audience that the provider expects`);
    }
    const seconds = Number(jsonMember(answer['spec'], 'expirationSeconds') ?? lifeSeconds);
    return { value, expiresAtMs: nowMs + seconds * 1000 };
  }

  #ownClaims(): TokenClaims | undefined {
    return this.#own && parseTokenClaims(this.#own.current());
  }
}

function issueFailure(error: unknown, what: string, namespace: string, problem: KubeError | undefined): ProxyError {
  if (!(error instanceof KubeError) || error.isTransient || error.code < 400 || error.code === 401) {
    const { message } = apiFailure(error, { doing: `creating a token of ${what}`, problem });
    return new ProxyError(503, 'unavailable', message, { cause: error });
  }
  if (error.code === 404) {
    return new Misconfiguration('IdentityNotFound', `${what} does not exist: create it, or change serviceAccount`);
  }
  const isPermission = error.code === 403 && / cannot \S+ resource /.test(error.message);
  const fix = isPermission
    ? `bind its service account in "${namespace}" to the ClusterRole connectors-proxy-identities with a RoleBinding`
    : error.message;
  return new Misconfiguration('IdentityForbidden', `the proxy cannot create tokens of ${what}: ${fix}`);
}
