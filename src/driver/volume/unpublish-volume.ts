import type { AccessControl } from '../../access/access-control.js';
import type { ConnectorSource } from '../../connectors/connector-source.js';
import type { VolumeHost } from './ports.js';
import type { PublishedVolumes } from './published-volumes.js';
import type { VolumeLocks } from './volume-locks.js';

export interface UnpublishDependencies {
  readonly source: Pick<ConnectorSource, 'release'>;
  readonly access: Pick<AccessControl, 'release'>;
  readonly host: Pick<VolumeHost, 'detach'>;
  readonly locks: VolumeLocks;
  readonly volumes: PublishedVolumes;
}

/**
 * Takes a volume away. It cancels a publish of the same volume that still runs, never asks the API, and succeeds when
 * there is nothing to take away.
 */
export class UnpublishVolume {
  readonly #deps: UnpublishDependencies;

  constructor(deps: UnpublishDependencies) {
    this.#deps = deps;
  }

  /** @throws {CodedError} INTERNAL when something that is not ours is in the way; nothing is removed then. */
  async run(volumeId: string, targetPath: string, signal: AbortSignal): Promise<void> {
    const { source, access, host, locks, volumes } = this.#deps;
    await locks.preemptively([volumeId, targetPath], signal, async () => {
      await host.detach(targetPath);
      volumes.delete(targetPath);
      source.release(volumeId);
      access.release(volumeId);
    });
  }
}
