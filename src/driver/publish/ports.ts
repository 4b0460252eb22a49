import type { PodIdentity } from '../../shared/access/access-control.js';
import type { Secret } from '../../shared/secret.js';

/** A service-account token for the proxy. */
export interface ProxyToken {
  readonly secret: Secret;
  /** Milliseconds since the epoch, from the token's own `exp` claim. */
  readonly expiresAtMs: number;
  /** Explanation for the author of a different lifetime than requested; absent if the token has the requested one. */
  readonly otherLifetime?: OtherLifetime;
}

export interface OtherLifetime {
  /** Whether the difference is harmless: a longer lifetime is met by rotation in the file, a shorter one is not. */
  readonly isWishMet: boolean;
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

/**
 * State of a target path. `published`: the driver's tmpfs with complete content; `incomplete`: a tmpfs without it (a
 * crash of the mount(2) fallback); `foreign`: a mount that is not a tmpfs.
 */
export type TargetState = 'absent' | 'unmounted' | 'incomplete' | 'published' | 'foreign';

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
