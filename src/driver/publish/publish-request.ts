import type { PodIdentity } from '../../shared/access/permission.ts';
import type { VolumeOwner } from './volume-memory.ts';
import type { VolumeAttributes } from './attributes.ts';
import type { MountOptions, PassedTokens } from './ports.ts';
import type { IncomingPublish } from './publish-admission.ts';

/** A parsed NodePublishVolume request. */
export interface PublishRequest {
  readonly volumeId: string;
  readonly targetPath: string;
  /** SHA-256 of everything that the driver reads of the message: equal for the same request. */
  readonly digest: string;
  readonly pod: PodIdentity;
  readonly attributes: VolumeAttributes;
  readonly passedTokens: PassedTokens;
  readonly mountOptions: MountOptions;
  /** Memory that the request counts for, while it is in flight and while its volume is mounted. */
  readonly memoryBytes: number;
}

/** Returns the owner of the volume's memory, which includes the memory for its next call. */
export function memoryOwnerOf({ pod, memoryBytes }: PublishRequest): VolumeOwner {
  return { podUid: pod.uid, pod, heapBytes: 2 * memoryBytes };
}

/**
 * A NodePublishVolume call before parsing. It is parsed inside the use case, because the response to a malformed
 * request depends on the mounted volume.
 */
export interface PublishCall {
  readonly volumeId: string;
  /** As in the request, even if that cannot be parsed; any text. */
  readonly targetPath: string;
  /**
   * Returns pod and size of the request without parsing it. @param isPodInfoTrusted whether the kubelet is known to set
   * the pod's identity.
   */
  readonly identify: (isPodInfoTrusted: boolean) => IncomingPublish;
  /** Reports whether the message equals that of an earlier parsed request. */
  readonly isRepeatOf: (request: PublishRequest) => boolean;
  /** Parses the request. @throws {CodedError} INVALID_ARGUMENT or FAILED_PRECONDITION if it is invalid. */
  readonly parse: () => PublishRequest;
}
