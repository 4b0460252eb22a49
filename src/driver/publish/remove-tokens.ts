import type { ConfigurationRenderer } from '../content/template-renderer.js';
import { rejectionContent, renderVolumeContent } from '../content/volume-content.js';
import type { ContentDefaults, VolumeContent } from '../content/volume-content.js';
import { planVolume } from '../content/volume-plan.js';
import type { ConnectorSource } from '../../shared/connectors/connector-source.js';
import { CodedError, throwIfAborted } from '../../shared/errors.js';
import type { Call } from '../../shared/limits/call.js';
import type { Log } from '../../shared/log.js';
import { Secret } from '../../shared/secret.js';
import { paramsOf } from './attributes.js';
import type { VolumeHost } from './ports.js';
import { memoryOwnerOf } from './publish-request.js';
import type { PublishRequest } from './publish-request.js';
import { versionsOf } from './published-volumes.js';
import type { PublishedVolume, PublishedVolumes } from './published-volumes.js';

export interface RemovalDependencies {
  readonly source: Pick<ConnectorSource, 'peek'>;
  readonly host: VolumeHost;
  readonly volumes: PublishedVolumes;
  readonly renderer: ConfigurationRenderer;
  readonly contentDefaults: () => ContentDefaults;
  readonly log: Log;
}

const noToken = new Secret('');

/**
 * Removes the tokens from a mounted volume whose pod has lost access. All files are rendered again with an empty token,
 * so that files that only contain it are covered too. If that fails, the volume contains only the reason.
 *
 * No revision of the files with the token is kept. Does nothing if the volume is not mounted, or has no tokens.
 * @throws {CodedError} INTERNAL if the files cannot be written; the call's reason.
 */
export async function removeTokens(
  deps: RemovalDependencies,
  request: PublishRequest,
  published: PublishedVolume | undefined,
  denial: CodedError,
  call: Call,
): Promise<void> {
  const { host, volumes, log } = deps;
  const { targetPath, volumeId, pod, mountOptions } = request;
  const hasTokens = published?.input.isAllowed !== false && !volumes.isWithoutTokens(targetPath);
  if (!hasTokens || host.inspect(targetPath) !== 'published') return;
  const content = (published && (await withoutTokens(deps, published, call))) ?? rejectionContent(denial.message, []);
  throwIfAborted(call.signal);
  host.put(targetPath, content.files, mountOptions, memoryOwnerOf(request), 'removed');
  volumes.tokensRemoved(targetPath);
  log.warn('Access revoked, removed tokens from mounted volume', {
    volumeId,
    pod: `${pod.namespace}/${pod.name}`,
  });
}

/**
 * Renders the volume without tokens. @returns undefined if its templates fail without a token, or its connectors or
 * classes have changed.
 */
async function withoutTokens(
  { source, renderer, contentDefaults }: RemovalDependencies,
  { request, input }: PublishedVolume,
  call: Call,
): Promise<VolumeContent | undefined> {
  const { volumeId, attributes } = request;
  const resolved = source.peek(attributes.connectors);
  // The pod must not get what was written after it lost access.
  if (resolved === undefined || versionsOf(resolved) !== input.versions) return undefined;
  const defaults = contentDefaults();
  try {
    const plan = planVolume(resolved, attributes.includedConfigurations, defaults);
    return await renderVolumeContent(
      { ...attributes, configurationParams: paramsOf(attributes), volumeId, plan, tokenFor: () => noToken },
      defaults,
      renderer,
      call,
    );
  } catch (error) {
    if (call.signal.aborted || !(error instanceof CodedError)) throw error;
    return undefined;
  }
}
