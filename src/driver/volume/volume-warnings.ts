import type { Log } from '../../log.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishedVolumes } from './published-volumes.js';
import type { VolumeTokens } from './volume-tokens.js';

export interface WarningDependencies {
  readonly volumes: PublishedVolumes;
  readonly log: Log;
}

/** Logs what the operator should know of a volume, once for each volume: the kubelet tries again and again. */
export function warnOnce(
  { volumes, log }: WarningDependencies,
  { volumeId, targetPath, pod }: PublishRequest,
  level: 'info' | 'warn',
  message: string,
): void {
  if (!volumes.isNews(targetPath, message)) return;
  log[level](message, { volumeId, pod: `${pod.namespace}/${pod.name}` });
}

/** Tells of tokens that live longer or shorter than the volume asks. */
export function warnAboutLifetimes(deps: WarningDependencies, request: PublishRequest, tokens: VolumeTokens): void {
  for (const { otherLifetime } of tokens.values()) {
    if (otherLifetime) warnOnce(deps, request, otherLifetime.isWishMet ? 'info' : 'warn', otherLifetime.message);
  }
}
