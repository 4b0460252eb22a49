import type { Clock } from '../../shared/clock.js';
import type { Log } from '../../shared/log.js';
import type { ConfigurationRenderer } from '../content/template-renderer.js';
import type { ContentDefaults } from '../content/volume-content.js';
import type { TmpfsHost } from '../host/tmpfs-host.js';
import type { CsiDriverValidator, TokenSource, AccessControl, ConnectorSource } from './ports.js';
import type { PublishAdmission } from './publish-admission.js';
import type { PublishedVolumes } from './published-volumes.js';
import type { VolumeLocks } from './volume-locks.js';

/** Dependencies of the use cases of volumes. */
export interface PublishDependencies {
  readonly csiDriver: CsiDriverValidator;
  readonly source: ConnectorSource;
  readonly access: AccessControl;
  readonly tokens: TokenSource;
  readonly renderer: ConfigurationRenderer;
  /** Called for each publish, since the CA bundle's file can change. */
  readonly contentDefaults: () => ContentDefaults;
  readonly host: TmpfsHost;
  readonly locks: VolumeLocks;
  readonly admission: PublishAdmission;
  /** Whether the tokens of a pod that loses access are removed from its files. */
  readonly removesRevoked: boolean;
  readonly volumes: PublishedVolumes;
  readonly clock: Clock;
  readonly log: Log;
}
