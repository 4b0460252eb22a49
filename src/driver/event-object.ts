import { createHash } from 'node:crypto';
import type { PodIdentity } from '../shared/access/access-control.js';
import type { JsonObject } from '../shared/json.js';
import { microTime } from '../shared/kube/kube-object.js';
import type { ResourceType } from '../shared/kube/resource-location.js';
import { driverLimits } from './limits.js';

export const eventType: ResourceType = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events' };

export interface EventText {
  readonly type: 'Warning' | 'Normal';
  readonly reason: string;
  /** At most `driverLimits.podEvents.noteBytes`; see `cutNote`. */
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
): JsonObject & { readonly metadata: { readonly name: string; readonly namespace: string } } {
  const digest = createHash('sha256').update(`${key} ${reason} ${atMs}`).digest('hex').slice(0, 16);
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

/** Returns a merge patch that sets count and last time of a repeated event. */
export function seriesPatch(count: number, lastMs: number): JsonObject {
  return { series: { count: BigInt(count), lastObservedTime: microTime(lastMs) } };
}

/** Cuts a note at what Kubernetes takes, between characters. */
export function cutNote(text: string): string {
  const { noteBytes } = driverLimits.podEvents;
  const bytes = Buffer.from(text);
  if (bytes.length <= noteBytes) return text;
  // A character that was cut in half becomes a replacement character of three bytes.
  return `${bytes
    .subarray(0, noteBytes - 6)
    .toString()
    .replace(/\ufffd+$/, '')}…`;
}
