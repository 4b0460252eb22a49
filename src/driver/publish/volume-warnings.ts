import type { PublishDependencies } from './publish-dependencies.js';
import type { PublishRequest } from './publish-request.js';
import type { VolumeTokens } from './volume-tokens.js';

/**
 * Logs a message for the operator once per volume, because the kubelet retries again and again.
 * @returns whether it is new.
 */
export function warnOnce(
  { volumes, log }: Pick<PublishDependencies, 'volumes' | 'log'>,
  { volumeId, targetPath, pod }: PublishRequest,
  level: 'info' | 'warn',
  message: string,
): boolean {
  if (!volumes.isFirstWarning(targetPath, message)) return false;
  log[level](message, { volumeId, pod: `${pod.namespace}/${pod.name}` });
  return true;
}

/** Logs tokens with a longer or shorter lifetime than the volume requests. */
export function warnAboutLifetimes(
  deps: Pick<PublishDependencies, 'volumes' | 'log'>,
  request: PublishRequest,
  tokens: VolumeTokens,
): void {
  for (const { otherLifetime } of tokens.values()) {
    if (otherLifetime) warnOnce(deps, request, otherLifetime.isWishMet ? 'info' : 'warn', otherLifetime.message);
  }
}
