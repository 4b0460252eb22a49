import type { Awaitable } from '../../../shared/awaitable.ts';
import type { Secret } from '../../../shared/secret.ts';
import type { RawHeaders } from '../../tool/headers.ts';
import type { CredentialUse } from '../../tool/tool-credential.ts';
import type { RegistryCredentials } from '../header-credentials.ts';
import type { ConnectorRef } from '../../../shared/connectors/model.ts';
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
  /**
   * Reads the keys of a Secret. Called for each request: what takes long is cached by Secret.
   * @throws {CodedError} see `unusableSecret`.
   */
  parse(secret: SecretObject, use: IssuerUse): TokenPlan;
}

/** The requests that a token is for. */
export interface IssuerUse {
  readonly connector: ConnectorRef;
  /** The address of the Connector to which they are sent. */
  readonly address: ToolAddress;
  /** All addresses of the Connector. */
  readonly addresses: readonly ToolAddress[];
}

/** How a token is requested, and used. */
export interface TokenPlan {
  /** The service account whose token is the input of the first step. Absent: the Secret has the keys for it. */
  readonly identity?: SubjectTokenRequest;
  /** Requests in this order, each with the result of the one before. None: the service account's token is used itself. */
  readonly steps: readonly TokenStep[];
  /** Paths at which clients get no credential in addition to the endpoints', because they could misuse it there. */
  readonly guardedPaths?: readonly string[];
  /** Returns the headers of a client's request. */
  headersFor(token: Secret, use: CredentialUse): RawHeaders;
  /** For an address that is a registry: returns the credential for its token service, or for Basic, instead of headers. */
  readonly registryLogin?: (token: Secret) => RegistryCredentials;
}

/** A token that the API server issues for a service account in the namespace of the Connector. */
export interface SubjectTokenRequest {
  readonly serviceAccount: string;
  readonly audience: string;
  /** From ten minutes, the minimum of the API server, to an hour, the maximum of the proxy's policy. */
  readonly lifeSeconds: number;
}

/** One request for a token. */
export interface TokenStep {
  /** The endpoint that issues tokens: origin and path, without a query. */
  readonly endpoint: ToolAddress;
  /** Name in messages for the setting that names the endpoint: `tokenUrl`. */
  readonly endpointSource: string;
  /** Whether the endpoint is the provider's own fixed host, which need not be an address of the Connector. */
  readonly isWellKnown: boolean;
  /**
   * @param nowMs milliseconds since the epoch, for signatures.
   * @param input result of the step before.
   */
  request(nowMs: number, input: IssuedToken): Awaitable<IssuerRequest>;
  /** @param nowMs when the request was sent. @throws {TokenFailure} */
  parse(response: TokenResponse, nowMs: number, input: IssuedToken): IssuedToken;
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

export interface IssuedToken {
  readonly value: Secret;
  readonly expiresAtMs: number;
}
