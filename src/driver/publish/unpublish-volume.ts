import type { AccessControl } from '../../shared/access/access-control.js';
import type { ConnectorSource } from '../../shared/connectors/connector-source.js';
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
 * Unpublishes a volume. It cancels a running publish of the same volume, never calls the API server, and succeeds if
 * there is nothing to remove.
 */
export class UnpublishVolume {
  readonly #deps: UnpublishDependencies;

  constructor(deps: UnpublishDependencies) {
    this.#deps = deps;
  }

  /** @throws {CodedError} INTERNAL if a foreign mount is in the way; then nothing is removed. */
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
