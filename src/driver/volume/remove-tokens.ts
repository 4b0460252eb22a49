import type { ConfigurationRenderer } from '../content/configuration-renderer.js';
import { rejectionContent, renderVolumeContent } from '../content/volume-content.js';
import type { ContentDefaults, VolumeContent } from '../content/volume-content.js';
import { planVolume } from '../content/volume-plan.js';
import { CodedError, throwIfAborted } from '../../errors.js';
import type { Call } from '../../limits/call.js';
import type { Log } from '../../log.js';
import { Secret } from '../../secret.js';
import type { VolumeHost } from './ports.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishedVolume, PublishedVolumes } from './published-volumes.js';

export interface RemovalDependencies {
  readonly host: VolumeHost;
  readonly volumes: PublishedVolumes;
  readonly renderer: ConfigurationRenderer;
  readonly contentDefaults: () => ContentDefaults;
  readonly log: Log;
}

const noToken = new Secret('');

/**
 * Takes the tokens out of a mounted volume whose pod may not use its connectors any more, all files at once: they are
 * rendered again with an empty token, so that those that only contain it are covered too. Where that cannot be done, the
 * volume holds nothing but the reason. The files with the token are removed, no revision of them is kept. Does nothing to a volume that is not mounted, or that has no tokens.
 * @throws {CodedError} INTERNAL when the files cannot be written; the call's reason.
 */
export async function removeTokens(
  deps: RemovalDependencies,
  request: PublishRequest,
  known: PublishedVolume | undefined,
  refusal: CodedError,
  call: Call,
): Promise<void> {
  const { host, volumes, log } = deps;
  const { targetPath, volumeId, pod, mountOptions } = request;
  const hasTokens = known?.input.isAllowed !== false && !volumes.isWithoutTokens(targetPath);
  if (!hasTokens || host.inspect(targetPath) !== 'published') return;
  const content = (known && (await withoutTokens(deps, known, call))) ?? rejectionContent(refusal.message, []);
  throwIfAborted(call.signal);
  host.put(targetPath, content.files, mountOptions, { podUid: pod.uid, pod }, 'removed');
  volumes.tokensRemoved(targetPath);
  log.warn('Access revoked, removed tokens from mounted volume', {
    volumeId,
    pod: `${pod.namespace}/${pod.name}`,
  });
}

/** Undefined when its templates do not work without a token. */
async function withoutTokens(
  { renderer, contentDefaults }: RemovalDependencies,
  { request, input }: PublishedVolume,
  call: Call,
): Promise<VolumeContent | undefined> {
  const { attributes } = request;
  const defaults = contentDefaults();
  try {
    const plan = planVolume(input.resolved, attributes.includedConfigurations, defaults);
    return await renderVolumeContent({ ...attributes, plan, tokenFor: () => noToken }, defaults, renderer, call);
  } catch (error) {
    if (call.signal.aborted || !(error instanceof CodedError)) throw error;
    return undefined;
  }
}
