import type { Awaitable } from '../../shared/awaitable.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import type { Permission } from '../../shared/access/permission.ts';
import type { Secret } from '../../shared/secret.ts';
import type { ClientIdentity } from './client-identity.ts';

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
