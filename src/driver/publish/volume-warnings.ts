import type { Log } from '../../shared/log.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishedVolumes } from './published-volumes.js';
import type { VolumeTokens } from './volume-tokens.js';

export interface WarningDependencies {
  readonly volumes: PublishedVolumes;
  readonly log: Log;
}

/**
 * Logs a message for the operator once per volume, because the kubelet retries again and again.
 * @returns whether it is new.
 */
export function warnOnce(
  { volumes, log }: WarningDependencies,
  { volumeId, targetPath, pod }: PublishRequest,
  level: 'info' | 'warn',
  message: string,
): boolean {
  if (!volumes.isFirstWarning(targetPath, message)) return false;
  log[level](message, { volumeId, pod: `${pod.namespace}/${pod.name}` });
  return true;
}

/** Logs tokens with a longer or shorter lifetime than the volume requests. */
export function warnAboutLifetimes(deps: WarningDependencies, request: PublishRequest, tokens: VolumeTokens): void {
  for (const { otherLifetime } of tokens.values()) {
    if (otherLifetime) warnOnce(deps, request, otherLifetime.isWishMet ? 'info' : 'warn', otherLifetime.message);
  }
}
