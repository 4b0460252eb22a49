import { CodedError } from '../../shared/errors.js';
import { shownPath } from '../../shared/message-text.js';
import type { Clock } from '../../shared/clock.js';
import type { VolumeHost, VolumeStatistics } from './ports.js';
import { firstExpiryMs } from './volume-tokens.js';
import type { PublishedVolumes } from './published-volumes.js';

export interface VolumeCondition {
  readonly abnormal: boolean;
  readonly message: string;
}

export interface StatisticsDependencies {
  readonly host: Pick<VolumeHost, 'statistics' | 'targetPathProblem'>;
  readonly volumes: PublishedVolumes;
  readonly clock: Clock;
}

/** Determines the usage of a volume, and whether its content is current. */
export class VolumeStatisticsQuery {
  readonly #deps: StatisticsDependencies;

  constructor(deps: StatisticsDependencies) {
    this.#deps = deps;
  }

  /** @throws {CodedError} NOT_FOUND if no volume of that id is published at the path. */
  run(volumeId: string, volumePath: string): { statistics: VolumeStatistics; condition: VolumeCondition } {
    const { host, volumes } = this.#deps;
    const published = volumes.get(volumePath);
    const isOther = published !== undefined && published.request.volumeId !== volumeId;
    if (isOther || host.targetPathProblem(volumePath) !== undefined) {
      throw new CodedError('NOT_FOUND', `volume ${volumeId} is not published at ${shownPath(volumePath)}`);
    }
    return { statistics: host.statistics(volumePath), condition: this.#condition(volumePath) };
  }

  #condition(volumePath: string): VolumeCondition {
    const { volumes, clock } = this.#deps;
    const published = volumes.get(volumePath);
    const expiresAtMs = published && firstExpiryMs(published.input.tokens);
    if (expiresAtMs !== undefined && expiresAtMs <= clock.now()) {
      return {
        abnormal: true,
        message: `the token expired at ${new Date(expiresAtMs).toISOString()} by this node's clock`,
      };
    }
    const failure = volumes.failureOf(volumePath);
    if (failure !== undefined) {
      const since = new Date(failure.sinceMs).toISOString();
      const removed = volumes.isWithoutTokens(volumePath) ? 'the tokens were taken out of the files; ' : '';
      return { abnormal: true, message: `${removed}refreshing has failed since ${since}: ${failure.message}` };
    }
    if (published === undefined) return { abnormal: false, message: 'published before the driver started' };
    if (!published.input.isAllowed) return { abnormal: false, message: 'access was rejected; .error.json says why' };
    const unmet = [...published.input.tokens.values()].find(({ otherLifetime }) => otherLifetime?.isWishMet === false);
    const note = unmet?.otherLifetime === undefined ? '' : `; ${unmet.otherLifetime.message}`;
    return { abnormal: false, message: `published and current${note}` };
  }
}
