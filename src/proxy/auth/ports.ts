import type { Awaitable } from '../../shared/awaitable.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import type { Identity, Permission, ServiceAccount } from '../../shared/access/permission.ts';
import type { Secret } from '../../shared/secret.ts';

/** The identity of a client, as its token verifier reports it. */
export interface ClientIdentity {
  /** `system:serviceaccount:NS:NAME` for a service account. */
  readonly user: string;
  /** Undefined for other users. */
  readonly account: ServiceAccount | undefined;
  /** The same object for all requests with one token. */
  readonly identity: Identity;
  /** The pod that the token is bound to; undefined for an unbound token. */
  readonly pod: ClientPod | undefined;
  /** Expiry in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

export interface ClientPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Authenticates clients by their tokens. */
export interface TokenVerifier {
  /**
   * Verifies a token.
   * @param from the client's address, to rate-limit reviews of forged tokens.
   * @returns undefined for a token that is invalid, has expired or has another audience.
   * @throws {CodedError} if the review failed; the signal's reason.
   * @throws {ProxyError} 429 if the client address is rate-limited.
   */
  verify(token: Secret, from: string, signal: AbortSignal): Awaitable<ClientIdentity | undefined>;
}

/** Authorizes clients. */
export interface Authorizer {
  /**
   * Reports whether the client has at least one of the permissions.
   * @param permissions with the client's identity, which a review sends and a cached decision belongs to.
   * @throws {CodedError} if the review failed; the signal's reason.
   * @throws {ProxyError} 429 if the client is rate-limited.
   */
  isAnyAllowed(client: ClientIdentity, permissions: readonly Permission[], signal: AbortSignal): Awaitable<boolean>;
}

/** Approvals of pods. While approval is on, a Role for a single pod counts only together with a granted approval. */
export interface PodApprovals {
  /**
   * Reports whether an AccessRequest for this pod, by uid, is granted now.
   * @throws {CodedError} if the AccessRequest cannot be read; the signal's reason.
   */
  isGranted(subject: ApprovalSubject, signal: AbortSignal): Promise<boolean>;
}
