import path from 'node:path';
import type { ErrorCode } from '../shared/errors.js';
import { cutNote } from './event-object.js';
import type { EventText } from './event-object.js';
import { formatDuration } from '../shared/duration.js';
import type { PublishRequest } from './publish/publish-request.js';
import type { PublishedVolume, RefreshFailure } from './publish/published-volumes.js';
import { firstExpiryMs } from './publish/volume-tokens.js';

/** Usual cause of a failure, so that the pod's author knows whom to contact. */
const causes: Readonly<Record<ErrorCode, string>> = {
  PERMISSION_DENIED: 'The permission was revoked, by a change of roles or approvals.',
  NOT_FOUND: 'An owner has deleted or renamed the connector or its class.',
  INVALID_ARGUMENT: "The connector or its class has been changed, and the pod's attributes do not fit any more.",
  FAILED_PRECONDITION: 'The class, a feature flag, an approval or the installation has been changed.',
  ALREADY_EXISTS: "The pod's volume has been changed on the node.",
  RESOURCE_EXHAUSTED: 'A limit of the node is reached.',
  UNAVAILABLE:
    'The API server or the Connectors system does not respond. It recovers by itself, or an operator must fix it.',
  DEADLINE_EXCEEDED: 'The API server or the node is slow. It recovers by itself, or an operator must fix it.',
  CANCELLED: 'The kubelet will retry.',
  ABORTED: 'The kubelet will retry.',
  UNIMPLEMENTED: 'An operator must fix this.',
  INTERNAL: 'Something is wrong on the node. An operator must fix this.',
};

/** Returns the event for a failed refresh. @param nowMs milliseconds since the epoch. */
export function failureText(
  volume: PublishedVolume,
  { code, message }: RefreshFailure,
  isWithoutTokens: boolean,
  nowMs: number,
): EventText {
  const expiresAtMs = firstExpiryMs(volume.input.tokens);
  const token =
    expiresAtMs === undefined
      ? ''
      : expiresAtMs <= nowMs
        ? ', whose token has expired'
        : `, whose token is valid until ${new Date(expiresAtMs).toISOString()}`;
  const files = isWithoutTokens ? 'The tokens were taken out of the files' : `The files are as they were${token}`;
  const before = `Volume ${quoted(volume)} could not be refreshed. ${causes[code]} ${files}. `;
  return { type: 'Warning', reason: 'ConnectorRefreshFailed', note: cutNote(before + message) };
}

/** Returns the event for the end of a failure. @param nowMs milliseconds since the epoch. */
export function recoveryText(volume: PublishedVolume, { sinceMs, code }: RefreshFailure, nowMs: number): EventText {
  const lastedMs = Math.max(1000, Math.round((nowMs - sinceMs) / 1000) * 1000);
  const note = `Volume ${quoted(volume)} is current again, after ${formatDuration(lastedMs)} in which it could not be refreshed (${code}).`;
  return { type: 'Normal', reason: 'ConnectorRefreshed', note };
}

/** Returns the event for a warning about the content of a volume. */
export function warningText(request: PublishRequest, message: string): EventText {
  const note = cutNote(`Volume ${quoted({ request })} needs a look at its content: ${message}`);
  return { type: 'Warning', reason: 'ConnectorVolumeWarning', note };
}

/** Returns the volume's name in the pod, from the kubelet's path. */
function quoted({ request }: Pick<PublishedVolume, 'request'>): string {
  return JSON.stringify(path.basename(path.dirname(request.targetPath)));
}
