import type { PublishDependencies } from './publish-dependencies.ts';
import type { PublishRequest } from './publish-request.ts';
import type { VolumeTokens } from './volume-tokens.ts';

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
