import type { Clock } from '../../shared/clock.ts';
import type { Log } from '../../shared/log.ts';
import type { ConfigurationRenderer } from '../content/template-renderer.ts';
import type { ContentDefaults } from '../content/volume-content.ts';
import type { TmpfsHost } from '../host/tmpfs-host.ts';
import type { CsiDriverValidator, TokenSource, AccessControl, ConnectorSource } from './ports.ts';
import type { PublishAdmission } from './publish-admission.ts';
import type { PublishedVolumes } from './published-volumes.ts';
import type { VolumeLocks } from './volume-locks.ts';

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
