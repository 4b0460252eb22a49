import type { TestVolume } from '../driver/test-volume.ts';
import { readRevision } from './revision-reader.ts';
import type { NodeSystem } from './node-system.ts';
import type { SourceName } from './sources.ts';
import type { VersionedSources } from './versioned-sources.ts';
import { attributesOf, isMountable, shownBy, told, volumeKinds } from './volume-kinds.ts';
import type { VolumeKind } from './volume-kinds.ts';

/** A volume in which is seen what the driver knows. */
export class Probe {
  readonly volume: TestVolume;
  readonly #system: Pick<NodeSystem, 'publish'>;
  readonly #kind: VolumeKind;

  /** @param kind index in volumeKinds. */
  constructor(system: Pick<NodeSystem, 'publish'>, volume: TestVolume, kind: number) {
    this.#system = system;
    this.volume = volume;
    this.#kind = volumeKinds[kind]!;
  }

  isMountable(sources: VersionedSources): boolean {
    return isMountable(this.#kind, sources);
  }

  /** Publishes it. @returns in what the outcome, or what is mounted, is not what the sources are now. */
  async problem(sources: VersionedSources): Promise<string | undefined> {
    const { code, message } = await this.#system.publish(this.volume, attributesOf(this.#kind));
    const isOk = code === 'OK';
    if (!isOk || !this.isMountable(sources)) {
      return isOk === this.isMountable(sources) ? undefined : `${code} ${message} for ${this.#kind.connectors.join()}`;
    }
    const files = readRevision(this.volume.target);
    if (files === undefined) return 'what is mounted has changed meanwhile';
    const shown = shownBy(this.#kind, files);
    const isOld = ([name, version]: [string, number]): boolean => sources.versions[name as SourceName] !== version;
    return Object.entries(shown.versions).some(isOld) ? `${told(shown)} are shown` : undefined;
  }
}
