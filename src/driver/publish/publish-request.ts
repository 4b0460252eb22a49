import type { PodIdentity } from '../../shared/access/access-control.js';
import type { VolumeOwner } from './volume-memory.js';
import type { VolumeAttributes } from './attributes.js';
import type { MountOptions, PassedTokens } from './ports.js';

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
