import type { PodIdentity } from '../../shared/access/permission.ts';
import type { ConnectorRef, FeatureFlags, ResolvedConnector } from '../../shared/connectors/model.ts';
import type { JsonObject } from '../../shared/json.ts';
import type { Owner } from '../../shared/limits/owner.ts';
import type { Secret } from '../../shared/secret.ts';

/** The slot of a running publish. */
export interface PublishSlot {
  /** The pod that causes the publish. */
  readonly owner: Owner;
  /** Aborts when the result is no longer needed. `signal.reason` is a CodedError. */
  readonly signal: AbortSignal;
  /** Set if no client waits for the result. Then the publish does not wait for a missing object. */
  readonly isBackground?: boolean;
  /** Releases the slot during a wait, such as for an approval or a missing object. */
  releaseWhile<T>(wait: () => Promise<T>): Promise<T>;
}

/** Source of Connectors, ConnectorClasses and feature flags. */
export interface ConnectorSource {
  /**
   * Reserves a share of the pod's quota for all connectors that are not in memory, before they are read.
   * @returns releases it, once they have been resolved.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the share is used up.
   */
  acquire(refs: readonly ConnectorRef[], owner: Owner): () => void;

  /**
   * Returns the connectors with their classes, in the order of `refs`, once all of them exist. Waits up to the source's
   * not-found wait for a missing object.
   * @throws {CodedError} NOT_FOUND for a missing object, FAILED_PRECONDITION for a malformed one, RESOURCE_EXHAUSTED if
   * the share of the pod or its namespace is used up, UNAVAILABLE if the source cannot be read, or the signal's reason.
   */
  resolve(refs: readonly ConnectorRef[], slot: PublishSlot): Promise<readonly ResolvedConnector[]>;

  /**
   * Returns the result of `resolve` without waiting and without any request, for the fast path of republishes.
   * Undefined if an object is not in memory, missing, malformed or rejected.
   */
  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined;

  /** Calls the listener after a possible change of the results of `peek` or `peekFlags`. */
  onChange(listener: () => void): void;

  /** Keeps the connectors and their classes current while a pod's published volume uses them. Idempotent per volume. */
  retain(volumeId: string, refs: readonly ConnectorRef[], owner: Owner): void;

  /** Releases the connectors of a volume. Those that no other volume uses are dropped after a while. */
  release(volumeId: string): void;

  /** @throws {CodedError} UNAVAILABLE if the flags have never been read. */
  flags(signal: AbortSignal): Promise<FeatureFlags>;

  /** Returns the flags in memory; undefined if they have never been read. */
  peekFlags(): FeatureFlags | undefined;
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
  authorize(request: AuthorizationRequest, slot: PublishSlot): Promise<AccessDecision>;

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

/** A service-account token for the proxy. */
export interface ProxyToken {
  readonly secret: Secret;
  /** Milliseconds since the epoch, from the token's own `exp` claim. */
  readonly expiresAtMs: number;
  /** Explanation for the author of a different lifetime than requested; absent if the token has the requested one. */
  readonly otherLifetime?: OtherLifetime;
}

export interface OtherLifetime {
  /** Whether the requested lifetime is longer: rotation in the file meets that, but not a shorter one. */
  readonly isRequestLonger: boolean;
  readonly message: string;
}

export interface TokenRequest {
  readonly pod: PodIdentity;
  /** Audience that the proxy expects. */
  readonly audience: string;
  /** Tokens that the kubelet passed under `csi.storage.k8s.io/serviceAccount.tokens`, by field of the request. */
  readonly passed: PassedTokens;
  /** `token.expiration` in milliseconds; absent: the token that the kubelet passes. */
  readonly expirationMs?: number;
}

/** The JSON text of the kubelet's tokens; the CSIDriver object selects which of the two counts. */
export interface PassedTokens {
  readonly inSecrets?: Secret;
  readonly inVolumeContext?: Secret;
}

export interface TokenSource {
  /**
   * Returns an unexpired token for the pod's service account and the audience.
   * @throws {CodedError} FAILED_PRECONDITION if neither the kubelet nor minting provides one, INVALID_ARGUMENT for an
   * unavailable lifetime, PERMISSION_DENIED for a token of another pod, UNAVAILABLE for an expired one.
   */
  tokenFor(request: TokenRequest, signal: AbortSignal): Promise<ProxyToken>;

  /** Returns the result of `tokenFor` if it needs no request, else undefined. */
  peek(request: TokenRequest): ProxyToken | undefined;
}

/** Validates that the kubelet's pod information can be trusted, according to the driver's own CSIDriver object. */
export interface CsiDriverValidator {
  /** @throws {CodedError} FAILED_PRECONDITION with the field to set; UNAVAILABLE if the object was never read. */
  ensureTrustworthy(signal: AbortSignal): Promise<void>;
  /** Reports whether `ensureTrustworthy` would succeed at once, from the cache. */
  isKnownTrustworthy(): boolean;
}

/** A file of the volume: a plain name and its bytes. */
export interface VolumeFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The group that can read a volume's files. */
export interface FileGroup {
  /** Group from the capability's `volume_mount_group`; absent: files 0444, directories 0755. Present: 0440 and 0750. */
  readonly gid?: number;
}

export interface MountOptions extends FileGroup {
  /** SELinux context from the mount flags; absent: the host decides (a default if SELinux enforces). */
  readonly selinuxContext?: string;
}

export interface VolumeStatistics {
  readonly bytes: { readonly total: number; readonly used: number; readonly available: number };
  readonly inodes: { readonly total: number; readonly used: number; readonly available: number };
}

/**
 * Treatment of replaced files. `kept`: one revision stays until the next write, for readers that have resolved `..data`
 * but not yet opened their file. `removed`: none stays; a reader keeps its open files.
 */
export type ReplacedFiles = 'kept' | 'removed';

/** `fresh`: newly mounted; `refreshed`: content rewritten in place; `unchanged`: nothing to do. */
export type VolumeChange = 'fresh' | 'refreshed' | 'unchanged';
