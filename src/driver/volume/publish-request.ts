import type { PodIdentity } from '../../access/access-control.js';
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
}
