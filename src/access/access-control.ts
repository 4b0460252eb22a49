import type { ConnectorRef, FeatureFlags } from '../connectors/model.js';
import type { JsonObject } from '../json.js';
import type { Call } from '../limits/call.js';

/** The pod that mounts the volume, as the kubelet vouches for it (CSIDriver `podInfoOnMount`). */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

/**
 * The outcome of authorization: go on; mount nothing but the reason (an approval that was rejected); or not yet (an
 * approval that nobody has decided).
 */
export type AccessDecision =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'pending'; readonly message: string }
  | { readonly kind: 'rejected'; readonly message: string; readonly details: readonly JsonObject[] };

export interface AuthorizationRequest {
  readonly pod: PodIdentity;
  readonly connectors: readonly ConnectorRef[];
  readonly flags: FeatureFlags;
}

/** May this pod use these connectors? */
export interface AccessControl {
  /**
   * @throws {CodedError} PERMISSION_DENIED naming account, verb, resource and the rule to add; UNAVAILABLE when nobody
   * could be asked; FAILED_PRECONDITION for an approval that is over.
   */
  authorize(request: AuthorizationRequest, call: Call): Promise<AccessDecision>;

  /**
   * Whether `authorize` need not wait for anybody's answer now; false only for what was allowed when last asked. Gives
   * the one who is asked a moment, or none when he did not answer the last time; the question goes on meanwhile.
   */
  isAnsweredSoon(request: AuthorizationRequest, signal: AbortSignal): Promise<boolean>;

  /** Whether the request was denied when last asked, however long ago. Never waits. */
  isKnownDenied(request: AuthorizationRequest): boolean;

  /**
   * What has become of the approvals that a mounted volume rests on, as far as they are watched: `granted`, `rejected` and
   * so on. Never waits.
   */
  approvalStates(request: AuthorizationRequest): readonly string[];

  /** Calls the listener when what was allowed turns out to be denied, and when an approval that is watched has changed. */
  onNews(listener: () => void): void;

  /** Watches what a mounted volume's approvals become. Idempotent per volume. */
  retain(volumeId: string, request: AuthorizationRequest): void;

  /** The volume is gone. */
  release(volumeId: string): void;

  /** Whether a cached answer still allows the request; false when it must be asked again. Never waits. */
  isKnownAllowed(request: AuthorizationRequest): boolean;
}
