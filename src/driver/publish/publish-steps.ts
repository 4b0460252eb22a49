import type { AccessControl, AccessDecision, AuthorizationRequest, PublishSlot } from './ports.ts';
import type { ResolvedConnector } from '../../shared/connectors/model.ts';
import { rejectionContent, renderVolumeContent } from '../content/volume-content.ts';
import type { RenderedFiles } from '../content/render-job.ts';
import type { ContentDefaults } from '../content/volume-content.ts';
import { planVolume } from '../content/volume-plan.ts';
import type { VolumePlan } from '../content/volume-plan.ts';
import { paramsOf } from './attributes.ts';
import type { PublishDependencies } from './publish-dependencies.ts';
import type { PublishRequest } from './publish-request.ts';
import { secretOf } from './volume-tokens.ts';
import type { VolumeTokens } from './volume-tokens.ts';
import { CodedError, throwIfAborted } from '../../shared/errors.ts';
import { memoryOwnerOf } from './publish-request.ts';
import type { VolumeState } from './volume-state.ts';
import { objectKey } from '../../shared/names.ts';

/**
 * Returns the connectors, after a check that the pod can read them. Their watches are reserved first: otherwise a pod
 * that names more than its share would cause reviews for each of them, with every retry.
 * @throws {CodedError} as `ensureCanRead` and `ConnectorSource.resolve`.
 */
export async function readConnectors(
  deps: Pick<PublishDependencies, 'source' | 'access'>,
  request: AuthorizationRequest,
  state: VolumeState,
  slot: PublishSlot,
): Promise<readonly ResolvedConnector[]> {
  const release = deps.source.acquire(request.connectors, slot.owner);
  try {
    // Access to a known volume was reviewed before.
    if (state.kind !== 'known') await ensureCanRead(deps, request, slot);
    return await deps.source.resolve(request.connectors, slot);
  } finally {
    release();
  }
}

/**
 * Rejects pods without access before a connector is looked up, so that a pod cannot probe for names in another
 * namespace. Cached connectors need no lookup, and `decideAccess` reveals nothing else about them.
 * @throws {CodedError} PERMISSION_DENIED; UNAVAILABLE if there is no response; the call's reason.
 */
async function ensureCanRead(
  { source, access }: Pick<PublishDependencies, 'source' | 'access'>,
  request: AuthorizationRequest,
  slot: PublishSlot,
): Promise<void> {
  if (source.peek(request.connectors) !== undefined) return;
  await access.authorize({ ...request, flags: { ...request.flags, connectorProxyPermissions: false } }, slot);
  throwIfAborted(slot.signal);
}

/**
 * Returns the decision of access control. `unknown`: the API server does not respond and the volume is known; it
 * can keep its files, but gets nothing new.
 */
export async function decideAccess(
  access: AccessControl,
  request: AuthorizationRequest,
  state: VolumeState,
  slot: PublishSlot,
): Promise<AccessDecision | { readonly kind: 'unknown'; readonly cause: CodedError }> {
  try {
    return await access.authorize(request, slot);
  } catch (error) {
    if (state.kind !== 'known' || !(error instanceof CodedError) || error.code !== 'UNAVAILABLE') throw error;
    return { kind: 'unknown', cause: error };
  }
}

/** The plan of a volume's content, or the rejected approval that the volume reports instead. */
type PlannedContent =
  | { readonly plan: VolumePlan }
  | { readonly rejection: Extract<AccessDecision, { readonly kind: 'rejected' }> };

/** Plans what a volume will contain. @throws {CodedError} as `planVolume`. */
export function planContent(
  access: AccessDecision | { readonly kind: 'unknown' },
  resolved: readonly ResolvedConnector[],
  { attributes }: PublishRequest,
  defaults: ContentDefaults,
): PlannedContent {
  return access.kind === 'rejected'
    ? { rejection: access }
    : { plan: planVolume(resolved, attributes.includedConfigurations, defaults) };
}

/** Renders the planned content in memory, and reports its warnings. @throws {CodedError} as `renderVolumeContent`. */
export async function renderContent(
  deps: Pick<PublishDependencies, 'volumes' | 'log' | 'renderer'>,
  request: PublishRequest,
  planned: PlannedContent,
  tokens: VolumeTokens,
  defaults: ContentDefaults,
  slot: PublishSlot,
): Promise<RenderedFiles> {
  if ('rejection' in planned) return rejectionContent(planned.rejection.message, planned.rejection.details);
  const content = await renderVolumeContent(
    {
      ...request.attributes,
      configurationParams: paramsOf(request.attributes),
      volumeId: request.volumeId,
      plan: planned.plan,
      tokenFor: (audience) => secretOf(tokens, audience),
    },
    defaults,
    deps.renderer,
    slot,
  );
  for (const warning of content.warnings) logOnce(deps, request, 'warn', warning);
  return content;
}

/**
 * Replaces the files of a mounted volume whose pod has lost access by the reason. No revision of the files with the token
 * is kept. Does nothing if the volume is not mounted, or has no tokens.
 * @throws {CodedError} INTERNAL if the files cannot be written.
 */
export function removeTokens(
  { host, volumes, log }: Pick<PublishDependencies, 'host' | 'volumes' | 'log'>,
  request: PublishRequest,
  state: VolumeState,
  denial: CodedError,
): void {
  const { targetPath, volumeId, pod, mountOptions } = request;
  const wasRejected = state.kind === 'known' && !state.volume.input.isAllowed;
  if (state.kind === 'new' || wasRejected || volumes.isWithoutTokens(targetPath)) return;
  const { files } = rejectionContent(denial.message, []);
  host.put(targetPath, files, mountOptions, memoryOwnerOf(request), 'removed');
  volumes.tokensRemoved(targetPath);
  log.warn('Access revoked, removed tokens from mounted volume', {
    volumeId,
    pod: objectKey(pod),
  });
}

/** Logs a message for the operator once per volume, because the kubelet retries again and again. */
function logOnce(
  { volumes, log }: Pick<PublishDependencies, 'volumes' | 'log'>,
  { volumeId, targetPath, pod }: PublishRequest,
  level: 'info' | 'warn',
  message: string,
): void {
  if (volumes.isFirstWarning(targetPath, message)) log[level](message, { volumeId, pod: objectKey(pod) });
}

/** Logs tokens with a longer or shorter lifetime than the volume requests. */
export function warnAboutLifetimes(
  deps: Pick<PublishDependencies, 'volumes' | 'log'>,
  request: PublishRequest,
  tokens: VolumeTokens,
): void {
  for (const { otherLifetime } of tokens.values()) {
    if (otherLifetime) logOnce(deps, request, otherLifetime.isRequestLonger ? 'info' : 'warn', otherLifetime.message);
  }
}
