import { createHash } from 'node:crypto';
import type { JsonObject } from '../json.js';
import { microTime } from './micro-time.js';
import type { ResourceType } from './resource-location.js';

export const eventType: ResourceType = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events' };

export interface EventText {
  readonly type: 'Warning' | 'Normal';
  readonly reason: string;
  readonly note: string;
}

/** The program that writes events. */
export interface EventSource {
  /** Its name. */
  readonly controller: string;
  /** The node or pod that it runs on. */
  readonly instance: string;
  /** The action that events report: `Refresh`. */
  readonly action: string;
}

/** The object that an event is about. */
export interface EventTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Kubernetes' limits, in bytes of ASCII and in characters of a name. */
const maxNoteBytes = 1024;
const maxInstanceLength = 128;
const maxTargetPart = 230;

/**
 * Returns the API object of an event.
 * @param key distinguishes events of the same time about the same object.
 * @param atMs time of the event, in milliseconds since the epoch.
 */
export function eventObject(
  target: EventTarget,
  { type, reason, note }: EventText,
  { controller, instance, action }: EventSource,
  key: string,
  atMs: number,
): JsonObject & { readonly metadata: { readonly name: string; readonly namespace: string } } {
  const { apiVersion, kind, namespace, name, uid } = target;
  const digest = createHash('sha256').update(`${key} ${reason} ${atMs}`).digest('hex').slice(0, 16);
  return {
    apiVersion: eventType.apiVersion,
    kind: eventType.kind,
    metadata: { name: `${name.slice(0, maxTargetPart).replace(/[-.]+$/, '')}.${digest}`, namespace },
    eventTime: microTime(atMs),
    reportingController: controller,
    reportingInstance: instance.slice(0, maxInstanceLength),
    action,
    reason,
    type,
    regarding: { apiVersion, kind, namespace, name, uid },
    note: cutNote(note),
  };
}

/** Returns a merge patch that sets count and last time of a repeated event. */
export function seriesPatch(count: number, lastMs: number): JsonObject {
  return { series: { count: BigInt(count), lastObservedTime: microTime(lastMs) } };
}

/** Cuts a note at what Kubernetes takes, between characters. */
export function cutNote(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxNoteBytes) return text;
  // A character that was cut in half becomes a replacement character of three bytes.
  return `${bytes
    .subarray(0, maxNoteBytes - 6)
    .toString()
    .replace(/\ufffd+$/, '')}…`;
}
