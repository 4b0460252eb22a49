import { createHash } from 'node:crypto';
import path from 'node:path';
import type { ErrorCode } from '../errors.js';
import type { JsonObject } from '../json.js';
import { microTime } from '../kube/micro-time.js';
import type { ResourceType } from '../kube/resource-location.js';
import { formatDuration } from '../duration.js';
import type { PublishedVolume, RefreshFailure } from './volume/published-volumes.js';
import { firstExpiryMs } from './volume/volume-tokens.js';

export const eventType: ResourceType = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events' };

export interface EventText {
  readonly reason: 'ConnectorRefreshFailed' | 'ConnectorRefreshed';
  readonly note: string;
}

export interface EventSource {
  readonly driverName: string;
  readonly nodeName: string;
}

/** Kubernetes' limits, in bytes of ASCII and in characters of a name. */
const maxNoteBytes = 1024;
const maxInstanceLength = 128;
const maxPodPart = 230;

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
  return { reason: 'ConnectorRefreshFailed', note: cut(before + message) };
}

/** Returns the event for the end of a failure. @param nowMs milliseconds since the epoch. */
export function recoveryText(volume: PublishedVolume, { sinceMs, code }: RefreshFailure, nowMs: number): EventText {
  const lastedMs = Math.max(1000, Math.round((nowMs - sinceMs) / 1000) * 1000);
  const note = `Volume ${quoted(volume)} is current again, after ${formatDuration(lastedMs)} in which it could not be refreshed (${code}).`;
  return { reason: 'ConnectorRefreshed', note };
}

/** Returns the API object of an event. @param atMs time of the event, in milliseconds since the epoch. */
export function eventObject(
  { request }: PublishedVolume,
  { reason, note }: EventText,
  { driverName, nodeName }: EventSource,
  atMs: number,
): JsonObject & { readonly metadata: { readonly name: string; readonly namespace: string } } {
  const { namespace, name, uid } = request.pod;
  const digest = createHash('sha256').update(`${request.volumeId} ${reason} ${atMs}`).digest('hex').slice(0, 16);
  return {
    apiVersion: eventType.apiVersion,
    kind: eventType.kind,
    metadata: { name: `${name.slice(0, maxPodPart).replace(/[-.]+$/, '')}.${digest}`, namespace },
    eventTime: microTime(atMs),
    reportingController: driverName,
    reportingInstance: nodeName.slice(0, maxInstanceLength),
    action: 'Refresh',
    reason,
    type: reason === 'ConnectorRefreshFailed' ? 'Warning' : 'Normal',
    regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
    note,
  };
}

/** Returns a merge patch that sets count and last time of a repeated event. */
export function seriesPatch(count: number, lastMs: number): JsonObject {
  return { series: { count: BigInt(count), lastObservedTime: microTime(lastMs) } };
}

/** Returns the volume's name in the pod, from the kubelet's path. */
function quoted({ request }: PublishedVolume): string {
  return JSON.stringify(path.basename(path.dirname(request.targetPath)));
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxNoteBytes) return text;
  // A character that was cut in half becomes a replacement character of three bytes.
  return `${bytes
    .subarray(0, maxNoteBytes - 6)
    .toString()
    .replace(/\ufffd+$/, '')}…`;
}
