import type { AuthorizationRequest } from './ports.ts';
import { CodedError, throwIfAborted } from '../../shared/errors.ts';
import type { PublishDependencies } from './publish-dependencies.ts';
import type { PublishRequest } from './publish-request.ts';
import type { PublishedVolume } from './published-volumes.ts';
import { isSameInput, versionsOf } from './published-volumes.ts';
import { peekTokens, tokensRequestOf } from './volume-tokens.ts';

/**
 * The state of a volume. `new`: the target has no complete files of a volume; `mounted`: an earlier process has published
 * it, so that its content is not known and access to it was not reviewed; `known`: this process has published it.
 */
export type VolumeState =
  | { readonly kind: 'new' | 'mounted' }
  | { readonly kind: 'known'; readonly volume: PublishedVolume };

/** Returns the state of the volume at a target path. @throws {CodedError} if the target cannot be inspected. */
export function volumeStateOf(
  { host, volumes }: Pick<PublishDependencies, 'host' | 'volumes'>,
  targetPath: string,
): VolumeState {
  if (!host.hasVolume(targetPath)) return { kind: 'new' };
  const volume = volumes.get(targetPath);
  return volume === undefined ? { kind: 'mounted' } : { kind: 'known', volume };
}

/**
 * Ensures that a target belongs to one volume, mounted one way, until it is unpublished.
 * @throws {CodedError} ALREADY_EXISTS.
 */
export function ensureSameVolume(request: PublishRequest, published: PublishedVolume): void {
  if (published.request.volumeId !== request.volumeId) {
    throw new CodedError('ALREADY_EXISTS', `target path holds another volume: ${published.request.volumeId}`);
  }
  const { gid, selinuxContext } = published.request.mountOptions;
  if (gid !== request.mountOptions.gid || selinuxContext !== request.mountOptions.selinuxContext) {
    const message =
      'the volume is already published with another volume_mount_group or other mount flags; delete the pod to change them';
    throw new CodedError('ALREADY_EXISTS', message);
  }
}

/**
 * Reports whether a known volume matches the request, from cached objects. If the cached decision on access has
 * expired, the API server gets a short time to respond; without a response the mounted files stay.
 */
export async function isUnchanged(
  deps: PublishDependencies,
  request: PublishRequest,
  published: PublishedVolume,
  cancellation: AbortSignal,
): Promise<boolean> {
  const { access } = deps;
  const authorization = authorizationIfUnchanged(deps, request, published);
  if (authorization === undefined) return false;
  if (access.isKnownAllowed(authorization)) return true;
  const isAnswered = await access.isAnsweredSoon(authorization, cancellation);
  throwIfAborted(cancellation);
  return !isAnswered || access.isKnownAllowed(authorization);
}

/**
 * Reports whether a volume still matches its own request, without waiting: false if a decision on access has expired.
 */
export function isKnownUnchanged(deps: PublishDependencies, published: PublishedVolume): boolean {
  const { request } = published;
  const authorization = authorizationIfUnchanged(deps, request, published);
  if (authorization === undefined || !deps.access.isKnownAllowed(authorization)) return false;
  return deps.host.isPublished(request.targetPath);
}

/** Returns the access to check for a volume that otherwise matches the request; undefined if it does not match. */
function authorizationIfUnchanged(
  { csiDriver, source, tokens, contentDefaults }: PublishDependencies,
  request: PublishRequest,
  published: PublishedVolume,
): AuthorizationRequest | undefined {
  const { connectors } = request.attributes;
  const flags = source.peekFlags();
  const resolved = source.peek(connectors);
  // The same connectors need tokens for the same audiences.
  const peeked = peekTokens(tokens, tokensRequestOf(request), published.input.tokens.keys());
  if (flags === undefined || resolved === undefined || peeked === undefined) return undefined;
  const { digest } = request;
  const versions = versionsOf(resolved);
  const input = { digest, versions, flags, tokens: peeked, caBundle: contentDefaults().caBundle, isAllowed: true };
  if (!csiDriver.isKnownTrustworthy() || !isSameInput(published.input, input)) return undefined;
  return { pod: request.pod, connectors, flags };
}
