import type { PodIdentity } from '../../access/access-control.js';
import type { VolumeOwner } from '../../limits/volume-memory.js';
import type { Secret } from '../../secret.js';

/** A service-account token for the proxy. */
export interface ProxyToken {
  readonly secret: Secret;
  /** Milliseconds since the epoch, from the token's own `exp` claim. */
  readonly expiresAtMs: number;
  /** What its author is told of a lifetime that he asked for and did not get; absent when he got it. */
  readonly otherLifetime?: OtherLifetime;
}

export interface OtherLifetime {
  /** A wish for a longer life is met as the file is renewed; one for a shorter is not. */
  readonly isWishMet: boolean;
  readonly message: string;
}

export interface TokenRequest {
  readonly pod: PodIdentity;
  /** That the proxy expects. */
  readonly audience: string;
  /** What the kubelet passed under `csi.storage.k8s.io/serviceAccount.tokens`, by where it stood. */
  readonly passed: PassedTokens;
  /** `token.expiration` in milliseconds; absent: the token that the kubelet passes. */
  readonly expirationMs?: number;
}

/** The JSON text of the kubelet's tokens; which of the two counts is the CSIDriver object's choice. */
export interface PassedTokens {
  readonly inSecrets?: Secret;
  readonly inVolumeContext?: Secret;
}

export interface TokenSource {
  /**
   * A token for the pod's service account and the audience that has not expired.
   * @throws {CodedError} FAILED_PRECONDITION when neither the kubelet nor minting gives one, INVALID_ARGUMENT for a
   * lifetime that cannot be had, PERMISSION_DENIED for a token of another pod, UNAVAILABLE for an expired one.
   */
  tokenFor(request: TokenRequest, signal: AbortSignal): Promise<ProxyToken>;

  /** What `tokenFor` would give if it can be told without any request, else undefined. */
  peek(request: TokenRequest): ProxyToken | undefined;
}

/** Whether the driver's own CSIDriver object lets the kubelet's pod information be believed. */
export interface CsiDriverValidator {
  /** @throws {CodedError} FAILED_PRECONDITION with the field to set; UNAVAILABLE when the object was never read. */
  ensureTrustworthy(signal: AbortSignal): Promise<void>;
  /** `ensureTrustworthy` from memory: false when it would have to wait or throw. */
  isKnownTrustworthy(): boolean;
}

/** A file of the volume: a plain name and its bytes. */
export interface VolumeFile {
  readonly name: string;
  readonly content: Uint8Array;
}

export interface Ownership {
  /** Group from the capability's `volume_mount_group`; absent: files 0444, directories 0755. Present: 0440 and 0750. */
  readonly gid?: number;
}

export interface MountOptions extends Ownership {
  /** SELinux context from the mount flags; absent: the host decides (a default where SELinux enforces). */
  readonly selinuxContext?: string;
}

/**
 * What is at a target path. `published`: our tmpfs with complete content; `incomplete`: a tmpfs without it (a crash
 * of the mount(2) fallback); `foreign`: something mounted there that is not a tmpfs.
 */
export type TargetState = 'absent' | 'unmounted' | 'incomplete' | 'published' | 'foreign';

export interface VolumeStatistics {
  readonly bytes: { readonly total: number; readonly used: number; readonly available: number };
  readonly inodes: { readonly total: number; readonly used: number; readonly available: number };
}

/**
 * What a write does with the files that it replaces. `kept`: one revision stays until the next write, for readers that
 * have resolved `..data` but not yet opened their file. `removed`: none stays; a reader keeps what it has open.
 */
export type ReplacedFiles = 'kept' | 'removed';

/** `fresh`: mounted now; `refreshed`: content rewritten in place; `unchanged`: nothing to do. */
export type VolumeChange = 'fresh' | 'refreshed' | 'unchanged';

/**
 * The machine. All calls but `detach` are synchronous and bounded (a tmpfs, at most 128 files and 1 MiB): nothing else of
 * the driver runs between their steps, so a cancelled call cannot be overtaken half-way.
 */
export interface VolumeHost {
  /**
   * What is wrong with a target path; undefined when it may be one: absolute, normalised, under `<kubelet dir>/pods/`,
   * no parent a symbolic link.
   */
  targetPathProblem(targetPath: string): string | undefined;
  /** O(1): compares devices and file system types, does not read the mount table. */
  inspect(targetPath: string): TargetState;
  /** Whether `inspect` says `published`, which is the same as before at the cost of one system call. */
  isPublished(targetPath: string): boolean;
  /**
   * Makes the volume hold these files. Where none is mounted: builds a tmpfs with them and attaches it whole, its
   * directory made when absent; undoes its own work on failure. Else rewrites in place, atomically for readers; touches
   * nothing when content, modes and group are the same. With `removed`, success means that the volume has no other files.
   */
  put(
    targetPath: string,
    files: readonly VolumeFile[],
    options: MountOptions,
    owner: VolumeOwner,
    replaced: ReplacedFiles,
  ): VolumeChange;
  /**
   * Unmounts whatever of ours is there and removes the directory. Absent or not mounted is success. Waits in the kernel
   * while the driver goes on: the volume's lock must be held until it is done.
   */
  detach(targetPath: string): Promise<void>;
  /** @throws {CodedError} NOT_FOUND when the path is not a published volume. */
  statistics(targetPath: string): VolumeStatistics;
  /** Takes stock of what earlier drivers have mounted, for the bounds on memory. */
  adoptMounted(): void;
  /** Why nothing can be mounted: this process may not, or there is no kubelet's directory. Undefined when it can. */
  mountProblem(): string | undefined;
}
