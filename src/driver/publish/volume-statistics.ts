import { CodedError } from '../../shared/errors.ts';
import { shownPath } from '../../shared/message-text.ts';
import type { VolumeStatistics } from './ports.ts';
import type { PublishDependencies } from './publish-dependencies.ts';
import { firstExpiryMs } from './volume-tokens.ts';

interface VolumeCondition {
  readonly abnormal: boolean;
  readonly message: string;
}

/**
 * Returns the usage of a volume, and whether its content is current.
 * @throws {CodedError} NOT_FOUND if no volume of that id is published at the path.
 */
export function volumeStatistics(
  deps: PublishDependencies,
  volumeId: string,
  volumePath: string,
): { statistics: VolumeStatistics; condition: VolumeCondition } {
  const { host, volumes } = deps;
  const published = volumes.get(volumePath);
  const isOther = published !== undefined && published.request.volumeId !== volumeId;
  if (isOther || host.targetPathProblem(volumePath) !== undefined) {
    throw new CodedError('NOT_FOUND', `volume ${volumeId} is not published at ${shownPath(volumePath)}`);
  }
  return { statistics: host.statistics(volumePath), condition: conditionOf(deps, volumePath) };
}

function conditionOf({ volumes, clock }: PublishDependencies, volumePath: string): VolumeCondition {
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
  const unmet = [...published.input.tokens.values()].find(
    ({ otherLifetime }) => otherLifetime?.isRequestLonger === false,
  );
  const note = unmet?.otherLifetime === undefined ? '' : `; ${unmet.otherLifetime.message}`;
  return { abnormal: false, message: `published and current${note}` };
}
