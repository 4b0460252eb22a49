import { createHash } from 'node:crypto';
import path from 'node:path';
import type { PodIdentity } from '../shared/access/permission.ts';
import { formatDuration } from '../shared/duration.ts';
import type { JsonObject } from '../shared/json.ts';
import { microTime } from '../shared/kube/kube-object.ts';
import type { ResourceType } from '../shared/kube/resource-location.ts';
import { driverLimits } from './limits.ts';
import type { PublishRequest } from './publish/publish-request.ts';
import type { PublishedVolume, RefreshFailure } from './publish/published-volumes.ts';
import { firstExpiryMs } from './publish/volume-tokens.ts';

export const eventType: ResourceType = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events' };

export interface EventText {
  readonly type: 'Warning' | 'Normal';
  readonly reason: string;
  /** At most `driverLimits.podEvents.noteBytes`. */
  readonly note: string;
}

/** Kubernetes' limits, in characters of a name. */
const maxInstanceLength = 128;
const maxPodPart = 230;

/**
 * Returns the API object of an event on a pod.
 * @param key distinguishes events of the same time about the same pod.
 * @param atMs time of the event, in milliseconds since the epoch.
 */
export function eventObject(
  { namespace, name, uid }: PodIdentity,
  { type, reason, note }: EventText,
  { driverName, nodeName }: { readonly driverName: string; readonly nodeName: string },
  key: string,
  atMs: number,
): JsonObject {
  const digest = createHash('sha256').update(`${key} ${reason} ${note} ${atMs}`).digest('hex').slice(0, 16);
  return {
    apiVersion: eventType.apiVersion,
    kind: eventType.kind,
    metadata: { name: `${name.slice(0, maxPodPart).replace(/[-.]+$/, '')}.${digest}`, namespace },
    eventTime: microTime(atMs),
    reportingController: driverName,
    reportingInstance: nodeName.slice(0, maxInstanceLength),
    action: 'Refresh',
    reason,
    type,
    regarding: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
    note,
  };
}

/** Returns the event for a failed refresh. @param nowMs milliseconds since the epoch. */
export function failureText(
  volume: PublishedVolume,
  { message }: RefreshFailure,
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
  const note = `Volume ${quoted(volume)} could not be refreshed. ${files}. ${message}`;
  return { type: 'Warning', reason: 'ConnectorRefreshFailed', note: cutNote(note) };
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

/** Cuts a note at what Kubernetes takes, between characters. */
function cutNote(text: string): string {
  const { noteBytes } = driverLimits.podEvents;
  const bytes = Buffer.from(text);
  if (bytes.length <= noteBytes) return text;
  // A character that was cut in half becomes a replacement character of three bytes.
  return `${bytes
    .subarray(0, noteBytes - 6)
    .toString()
    .replace(/\ufffd+$/, '')}…`;
}
