import type { AccessControl, AuthorizationRequest } from '../../access/access-control.js';
import { signalOf } from '../../abortable.js';
import type { AbortHandle } from '../../abortable.js';
import type { ConnectorSource } from '../../connectors/connector-source.js';
import { CodedError, throwIfAborted } from '../../errors.js';
import type { ContentDefaults } from '../content/volume-content.js';
import type { CsiDriverValidator, TokenSource, VolumeHost } from './ports.js';
import type { PublishRequest } from './publish-request.js';
import type { PublishedVolume } from './published-volumes.js';
import { isSameInput } from './published-volumes.js';
import { peekTokens, tokensRequestOf } from './volume-tokens.js';

/** What of a request tells whether the next one asks for the same, but for the token. */
export function requestKeyOf({ pod, attributes, mountOptions }: PublishRequest): string {
  return JSON.stringify([pod, attributes, mountOptions], (_key, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}

/**
 * A target belongs to one volume, mounted one way, until it is unpublished.
 * @throws {CodedError} ALREADY_EXISTS.
 */
export function ensureSameVolume(request: PublishRequest, known: PublishedVolume): void {
  if (known.request.volumeId !== request.volumeId) {
    throw new CodedError('ALREADY_EXISTS', `target path holds another volume: ${known.request.volumeId}`);
  }
  if (JSON.stringify(known.request.mountOptions) !== JSON.stringify(request.mountOptions)) {
    throw new CodedError(
      'ALREADY_EXISTS',
      'the volume is already published with another volume_mount_group or other mount flags; delete the pod to change them',
    );
  }
}

export interface UnchangedDependencies {
  readonly guard: CsiDriverValidator;
  readonly source: ConnectorSource;
  readonly access: AccessControl;
  readonly tokens: TokenSource;
  readonly contentDefaults: () => ContentDefaults;
  readonly host: VolumeHost;
}

/**
 * Whether a mounted volume is as the request wants it, told from memory. Once the last answer about access has aged, the
 * API server has a moment to give another one; without it what is mounted stays.
 */
export async function isUnchanged(
  deps: UnchangedDependencies,
  request: PublishRequest,
  requestKey: string,
  known: PublishedVolume,
  wanted: AbortHandle,
): Promise<boolean> {
  const { access } = deps;
  const asked = askedUnchanged(deps, request, requestKey, known);
  if (asked === undefined) return false;
  if (access.isKnownAllowed(asked)) return true;
  const isAnswered = await access.isAnsweredSoon(asked, signalOf(wanted));
  throwIfAborted(wanted);
  return !isAnswered || access.isKnownAllowed(asked);
}

/** The same for the request that the volume was made from, at once: false where an answer about access has aged. */
export function isKnownUnchanged(deps: UnchangedDependencies, known: PublishedVolume): boolean {
  const asked = askedUnchanged(deps, known.request, known.input.requestKey, known);
  return asked !== undefined && deps.access.isKnownAllowed(asked);
}

/** What there is to be allowed for a volume that is as the request wants it but for that; undefined when it is not. */
function askedUnchanged(
  { guard, source, tokens, host, contentDefaults }: UnchangedDependencies,
  request: PublishRequest,
  requestKey: string,
  known: PublishedVolume,
): AuthorizationRequest | undefined {
  const { connectors } = request.attributes;
  const flags = source.peekFlags();
  const resolved = source.peek(connectors);
  // The same connectors need tokens for the same audiences.
  const peeked = peekTokens(tokens, tokensRequestOf(request), known.input.tokens.keys());
  if (flags === undefined || resolved === undefined || peeked === undefined) return undefined;
  const input = { requestKey, resolved, flags, tokens: peeked, caBundle: contentDefaults().caBundle, isAllowed: true };
  if (!guard.isKnownTrustworthy() || !isSameInput(known.input, input)) return undefined;
  if (!host.isPublished(request.targetPath)) return undefined;
  return { pod: request.pod, connectors, flags };
}
