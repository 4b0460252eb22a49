import type { ApprovalSubject } from '../../access/access-request.js';
import type { Permission } from '../../access/permission.js';
import type { Secret } from '../../secret.js';
import type { ClientIdentity } from './client-identity.js';

/** Says who a token stands for. */
export interface TokenVerifier {
  /**
   * @param from the client's address, by which those who come with forged tokens are slowed down.
   * @returns undefined for a token that is not valid, has expired or has another audience.
   * @throws {CodedError} when it could not be determined; the signal's reason. {Refusal} 429 for a client that is too fast.
   */
  verify(token: Secret, from: string, signal: AbortSignal): Promise<ClientIdentity | undefined>;
}

/** Says what a caller may do. */
export interface Authorizer {
  /**
   * Whether one of the permissions is there.
   * @param permissions a list that is never used for another caller: what is known of it may be remembered.
   * @throws {CodedError} when it could not be determined; the signal's reason. {Refusal} 429 for a caller who is too fast.
   */
  isAnyAllowed(client: ClientIdentity, permissions: readonly Permission[], signal: AbortSignal): Promise<boolean>;
}

/** Reports what was decided about pods: with approval on, a role for a single pod counts only together with it. */
export interface PodApprovals {
  /**
   * Whether an AccessRequest of this very pod, by uid, is granted now.
   * @throws {CodedError} when the request cannot be read; the signal's reason.
   */
  isGranted(about: ApprovalSubject, signal: AbortSignal): Promise<boolean>;

  /** Whether it was granted when last read, however long ago. Never waits. */
  wasGranted(about: ApprovalSubject): boolean;
}
