import { rejectionContent } from '../content/volume-content.ts';
import type { CodedError } from '../../shared/errors.ts';
import type { PublishDependencies } from './publish-dependencies.ts';
import { memoryOwnerOf } from './publish-request.ts';
import type { PublishRequest } from './publish-request.ts';
import type { PublishedVolume } from './published-volumes.ts';

/**
 * Replaces the files of a mounted volume whose pod has lost access by the reason. No revision of the files with the token
 * is kept. Does nothing if the volume is not mounted, or has no tokens.
 * @throws {CodedError} INTERNAL if the files cannot be written.
 */
export function removeTokens(
  { host, volumes, log }: Pick<PublishDependencies, 'host' | 'volumes' | 'log'>,
  request: PublishRequest,
  published: PublishedVolume | undefined,
  denial: CodedError,
): void {
  const { targetPath, volumeId, pod, mountOptions } = request;
  const hasTokens = published?.input.isAllowed !== false && !volumes.isWithoutTokens(targetPath);
  if (!hasTokens || host.inspect(targetPath) !== 'published') return;
  const { files } = rejectionContent(denial.message, []);
  host.put(targetPath, files, mountOptions, memoryOwnerOf(request), 'removed');
  volumes.tokensRemoved(targetPath);
  log.warn('Access revoked, removed tokens from mounted volume', {
    volumeId,
    pod: `${pod.namespace}/${pod.name}`,
  });
}
