import type { JsonObject, JsonValue } from '../json.js';
import type { Secret } from '../secret.js';

/** The pod that mounts the volume, as the kubelet vouches for it (CSIDriver `podInfoOnMount`). */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

/** Names one Connector; two references are the same when both names are equal. */
export interface ConnectorRef {
  readonly namespace: string;
  readonly name: string;
}

/** Where a proxy listens and how it is trusted: `status.proxy.httpAddress` of a Connector or a ConnectorClass. */
export interface ProxyAddress {
  /** Absolute http or https URL; may carry a path. */
  readonly url: string;
  /** PEM bundle; absent when the object names none. */
  readonly caCerts?: string;
}

/**
 * A parsed Connector. Instances are immutable and replaced when the object changes, so identity (===) tells whether
 * anything changed since it was last used.
 */
export interface Connector {
  readonly ref: ConnectorRef;
  readonly className: string;
  readonly proxyAddress?: ProxyAddress;
  /** The whole object, for templates. */
  readonly object: JsonObject;
}

export type ParamType = 'string' | 'array' | 'object';

export interface ConfigurationParam {
  readonly name: string;
  readonly type: ParamType;
  /** Absent: the param is required. */
  readonly default?: JsonValue;
  readonly enum?: readonly JsonValue[];
}

/** A named set of template files of a ConnectorClass. */
export interface Configuration {
  readonly name: string;
  /** File name to template text. */
  readonly files: ReadonlyMap<string, string>;
  readonly params: readonly ConfigurationParam[];
}

/** A parsed ConnectorClass; immutable and replaced on change like a Connector. */
export interface ConnectorClass {
  readonly name: string;
  /** Whether the class has `spec.proxy`. Without it a Connector mounts without proxy files. */
  readonly hasProxy: boolean;
  readonly proxyAddress?: ProxyAddress;
  readonly configurations: readonly Configuration[];
  /** The whole object, for templates. */
  readonly object: JsonObject;
}

/** A Connector with its class, in the order of the volume's `connectors` attribute. */
export interface ResolvedConnector {
  readonly connector: Connector;
  readonly connectorClass: ConnectorClass;
}

/** The switches of the ConfigMap `connectors-config`; immutable and replaced on change. */
export interface FeatureFlags {
  readonly connectorProxyPermissions: boolean;
  readonly connectorsApproval: boolean;
  readonly multiConnector: boolean;
}

/** A call of the kubelet that is under way. */
export interface Call {
  /** Aborted when the call is no longer wanted; `signal.reason` is a DriverError that says why. */
  readonly signal: AbortSignal;
  /** Waits without counting against the limit of concurrent publishes: for approvals and objects still to come. */
  idleWhile<T>(wait: () => Promise<T>): Promise<T>;
}

/** Where Connectors, ConnectorClasses and feature flags come from. */
export interface ConnectorSource {
  /**
   * The connectors with their classes, in the order asked for, once all of them exist.
   * Waits up to the source's not-found wait for an object that does not exist yet.
   * @throws {DriverError} NOT_FOUND for a missing object, FAILED_PRECONDITION for a malformed one,
   * UNAVAILABLE when the source cannot be read, or the signal's reason.
   */
  resolve(refs: readonly ConnectorRef[], call: Call): Promise<readonly ResolvedConnector[]>;

  /**
   * What `resolve` would give, without waiting and without any request: undefined when one of the objects is not in
   * memory, not current or does not exist. The republish fast path lives on it.
   */
  peek(refs: readonly ConnectorRef[]): readonly ResolvedConnector[] | undefined;

  /** Keeps the connectors (and their classes) current while a published volume uses them. Idempotent per volume. */
  retain(volumeId: string, refs: readonly ConnectorRef[]): void;

  /** The volume is gone; what no other volume uses may be forgotten after a while. */
  release(volumeId: string): void;

  /** @throws {DriverError} UNAVAILABLE when the flags have never been read. */
  flags(signal: AbortSignal): Promise<FeatureFlags>;

  /** The flags now in memory; undefined when they have never been read. */
  peekFlags(): FeatureFlags | undefined;
}

/**
 * The outcome of authorization: go on; mount nothing but the reason (an approval that was rejected); or not yet (an
 * approval that nobody has decided).
 */
export type AccessDecision =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'pending'; readonly message: string }
  | { readonly kind: 'rejected'; readonly message: string; readonly details: readonly JsonObject[] };

export interface AccessRequest {
  readonly pod: PodIdentity;
  readonly connectors: readonly ConnectorRef[];
  readonly flags: FeatureFlags;
}

/** May this pod use these connectors? */
export interface AccessControl {
  /**
   * @throws {DriverError} PERMISSION_DENIED naming account, verb, resource and the rule to add; UNAVAILABLE when nobody
   * could be asked; FAILED_PRECONDITION for an approval that is over.
   */
  authorize(request: AccessRequest, call: Call): Promise<AccessDecision>;

  /**
   * Whether `authorize` need not wait for anybody's answer now; false only for what was allowed when last asked. Gives
   * the one who is asked a moment, or none when he did not answer the last time; the question goes on meanwhile.
   */
  isAnsweredSoon(request: AccessRequest, signal: AbortSignal): Promise<boolean>;

  /** Whether a cached answer still allows the request; false when it must be asked again. Never waits. */
  isKnownAllowed(request: AccessRequest): boolean;
}

/** A service-account token for the proxy. */
export interface ProxyToken {
  readonly secret: Secret;
  /** Milliseconds since the epoch, from the token's own `exp` claim. */
  readonly expiresAtMs: number;
}

export interface TokenRequest {
  readonly pod: PodIdentity;
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
   * A token for the pod's service account and the proxy's audience that has not expired.
   * @throws {DriverError} FAILED_PRECONDITION when neither the kubelet nor minting gives one, INVALID_ARGUMENT for a
   * lifetime that cannot be had, PERMISSION_DENIED for a token of another pod, UNAVAILABLE for an expired one.
   */
  tokenFor(request: TokenRequest, signal: AbortSignal): Promise<ProxyToken>;

  /** What `tokenFor` would give if it can be told without any request, else undefined. */
  peek(request: TokenRequest): ProxyToken | undefined;
}

/** Whether the driver's own CSIDriver object lets the kubelet's pod information be believed. */
export interface DriverGuard {
  /** @throws {DriverError} FAILED_PRECONDITION with the field to set; UNAVAILABLE when the object was never read. */
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
 * The machine. All calls are synchronous and bounded (a tmpfs, at most 128 files and 1 MiB): nothing else of the
 * driver runs between their steps, so a cancelled call cannot be overtaken half-way.
 */
export interface VolumeHost {
  /**
   * What is wrong with a target path; undefined when it may be one: absolute, normalised, under `<kubelet dir>/pods/`,
   * no parent a symbolic link.
   */
  targetPathProblem(targetPath: string): string | undefined;
  /** O(1): compares devices and file system types, does not read the mount table. */
  inspect(targetPath: string): TargetState;
  /** Makes the directory when absent, builds a tmpfs with the files and attaches it whole. Undoes its own work on failure. */
  attach(targetPath: string, files: readonly VolumeFile[], options: MountOptions): void;
  /** Rewrites the content in place, atomically for readers; touches nothing when content, modes and group are the same. */
  refresh(targetPath: string, files: readonly VolumeFile[], ownership: Ownership): 'refreshed' | 'unchanged';
  /** Unmounts whatever of ours is there and removes the directory. Absent or not mounted is success. */
  detach(targetPath: string): void;
  /** @throws {DriverError} NOT_FOUND when the path is not a published volume. */
  statistics(targetPath: string): VolumeStatistics;
  /** Why nothing can be mounted: this process may not, or there is no kubelet's directory. Undefined when it can. */
  mountProblem(): string | undefined;
}

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}
