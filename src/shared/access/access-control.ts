import type { ConnectorRef, FeatureFlags } from '../connectors/model.js';
import type { JsonObject } from '../json.js';
import type { Call } from '../limits/call.js';

/** The pod that mounts the volume, as reported by the kubelet (CSIDriver `podInfoOnMount`). */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

/**
 * Outcome of authorization. `pending`: an approval is not decided yet. `rejected`: an approval was rejected, so only
 * the reason is mounted.
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

/** Decides whether a pod can use connectors. */
export interface AccessControl {
  /**
   * Authorizes the request, and waits for responses and approvals if necessary.
   * @throws {CodedError} PERMISSION_DENIED with service account, verb, resource and missing rule; UNAVAILABLE if there
   * is no response; FAILED_PRECONDITION if an approval has ended.
   */
  authorize(request: AuthorizationRequest, call: Call): Promise<AccessDecision>;

  /**
   * Reports whether `authorize` can decide without waiting for a response. Waits briefly, or not at all if the last
   * request got no response; the review continues meanwhile. False only if the request was allowed when last reviewed.
   */
  isAnsweredSoon(request: AuthorizationRequest, signal: AbortSignal): Promise<boolean>;

  /** Reports whether the last review denied the request, however old it is. Never waits. */
  isKnownDenied(request: AuthorizationRequest): boolean;

  /** Returns the states of the watched approvals of a mounted volume, such as `granted`. Never waits. */
  approvalStates(request: AuthorizationRequest): readonly string[];

  /** Calls the listener when an allowed request becomes denied, or a watched approval changes. */
  onChange(listener: () => void): void;

  /** Watches the approvals of a mounted volume. Idempotent per volume. */
  retain(volumeId: string, request: AuthorizationRequest): void;

  /** Stops the watches of an unmounted volume. */
  release(volumeId: string): void;

  /** Reports whether a cached decision allows the request. Never waits. */
  isKnownAllowed(request: AuthorizationRequest): boolean;
}
