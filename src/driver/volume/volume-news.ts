import type { Log } from '../../log.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishedVolumes } from './published-volumes.js';
import type { VolumeTokens } from './volume-tokens.js';

export interface NewsDependencies {
  readonly volumes: PublishedVolumes;
  readonly log: Log;
}

/** Logs what the operator should know of a volume, once for each volume: the kubelet tries again and again. */
export function tell(
  { volumes, log }: NewsDependencies,
  { volumeId, targetPath, pod }: PublishRequest,
  level: 'info' | 'warn',
  message: string,
): void {
  if (!volumes.isNews(targetPath, message)) return;
  log[level](message, { volumeId, pod: `${pod.namespace}/${pod.name}` });
}

/** Tells of tokens that live longer or shorter than the volume asks. */
export function tellOfLifetimes(deps: NewsDependencies, request: PublishRequest, tokens: VolumeTokens): void {
  for (const { otherLifetime } of tokens.values()) {
    if (otherLifetime) tell(deps, request, otherLifetime.isWishMet ? 'info' : 'warn', otherLifetime.message);
  }
}
