import type { Secret } from '../../../shared/secret.ts';
import type { RawHeaders } from '../../tool/headers.ts';
import type { CredentialUse } from '../../tool/tool-credential.ts';
import type { RegistryCredentials } from '../registry/registry-tokens.ts';
import type { SecretObject } from '../../secrets/secret-source.ts';
import type { ToolAddress } from '../../connectors/tool-address.ts';

/**
 * A kind of credential: keys of a Secret with which tokens of limited life are requested. Its file has all that is known
 * of the provider. `IssuerCredentials` checks the endpoint, `IssuedTokens` caches and renews the tokens, and
 * `IssuerCredential` adds them to requests.
 */
export interface TokenIssuer {
  /** The type of its Secrets. */
  readonly secretType: string;
  /** Reads the keys of a Secret. Called for each request: what takes long is cached by Secret. */
  parse(secret: SecretObject, use: IssuerUse): TokenPlan | KeyProblem;
}

/** The requests that a token is for. */
export interface IssuerUse {
  /** The address of the Connector to which they are sent. */
  readonly address: ToolAddress;
  /** All addresses of the Connector. */
  readonly addresses: readonly ToolAddress[];
}

/** Why a Secret cannot be used. Neither text contains a value of a key. */
export interface KeyProblem {
  readonly problem: string;
  readonly fix: string;
}

/** How a token is requested with one request, and used. */
export interface TokenPlan {
  /** The endpoint that issues tokens: origin and path, without a query. */
  readonly endpoint: ToolAddress;
  /** Name in messages for the setting that names the endpoint: `tokenUrl`. */
  readonly endpointSource: string;
  /** Whether the endpoint is the provider's own fixed host, which need not be an address of the Connector. */
  readonly isWellKnown: boolean;
  /** Paths at which clients get no credential in addition to the endpoint's, because they could misuse it there. */
  readonly guardedPaths?: readonly string[];
  /** @param nowMs milliseconds since the epoch, for signatures. */
  request(nowMs: number): Promise<IssuerRequest>;
  /** @param nowMs when the request was sent. */
  parse(response: TokenResponse, nowMs: number): TokenOutcome;
  /** Returns the headers of a client's request. */
  headersFor(token: Secret, use: CredentialUse): RawHeaders;
  /** For an address that is a registry: returns the credential for its token service, or for Basic, instead of headers. */
  readonly registryLogin?: (token: Secret) => RegistryCredentials;
}

/** A request to the endpoint's origin. */
export interface IssuerRequest {
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  /** Without `Host` and `Content-Length`. */
  readonly headers: RawHeaders;
  readonly body?: string;
}

/** A response of at most 64 KiB. It can say anything. */
export interface TokenResponse {
  readonly status: number;
  readonly body: string;
}

export type TokenOutcome =
  | { readonly kind: 'token'; readonly value: Secret; readonly expiresAtMs: number }
  | TokenFailure;

export interface TokenFailure {
  readonly kind: 'failure';
  /** From a fixed set, such as the codes of RFC 6749. Never text of the provider. */
  readonly code: string;
  readonly fix: string;
  /** Whether the endpoint rejects the keys of the Secret, as opposed to being unable to answer. */
  readonly isRejection: boolean;
}
