import type { Clock } from '../shared/clock.ts';
import { CodedError } from '../shared/errors.ts';
import { apiFailure } from '../shared/kube/api-failure.ts';
import type { KubeClient } from '../shared/kube/kube-client.ts';
import { isKubeError } from '../shared/kube/kube-error.ts';
import { TokenBucket } from '../shared/limits/token-bucket.ts';
import { TokenBuckets } from '../shared/limits/token-buckets.ts';
import type { Log } from '../shared/log.ts';
import { driverLimits } from './limits.ts';
import type { PublishedVolume, RefreshFailure, RefreshListener } from './publish/published-volumes.ts';
import type { PublishRequest } from './publish/publish-request.ts';
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { PodIdentity } from '../shared/access/permission.ts';
import { formatDuration } from '../shared/duration.ts';
import type { JsonObject } from '../shared/json.ts';
import { microTime } from '../shared/kube/kube-object.ts';
import type { ResourceType } from '../shared/kube/resource-location.ts';
import { firstExpiryMs } from './publish/volume-tokens.ts';

interface PodEventsOptions {
  readonly client: KubeClient;
  readonly driverName: string;
  readonly nodeName: string;
  /** Wall clock, for timestamps of events. */
  readonly clock: Clock;
  readonly log: Log;
}

/** Timeout of one request in milliseconds; nothing waits for it. */
const requestTimeoutMs = 10_000;

/** A failure that has an event. */
interface ReportedFailure {
  readonly message: string;
  /** By the monotonic clock. */
  readonly atMs: number;
}

/**
 * Writes events on the pods whose volumes fail to refresh (events.k8s.io/v1), one when that is over, and one for each
 * warning about content. A failure that lasts is reported again before Kubernetes deletes its event. No publish waits for
 * a request. Events over a limit are dropped.
 */
export class PodEvents implements RefreshListener {
  readonly #options: PodEventsOptions;
  readonly #monotonicNow: () => number;
  readonly #stopping = new AbortController();
  /** By target path. */
  readonly #reported = new Map<string, ReportedFailure>();
  readonly #ofNode: TokenBucket;
  /** By UID of the pod. */
  readonly #ofPods: TokenBuckets;
  #isForbidden = false;

  constructor(options: PodEventsOptions) {
    const { ofPod, ofNode } = driverLimits.podEvents;
    this.#options = options;
    this.#monotonicNow = options.client.clock.now;
    this.#ofNode = new TokenBucket(ofNode, this.#monotonicNow);
    this.#ofPods = new TokenBuckets(ofPod, this.#monotonicNow);
  }

  failed(volume: PublishedVolume, failure: RefreshFailure, isWithoutTokens: boolean): void {
    const { request } = volume;
    const { targetPath } = request;
    const { message } = failure;
    const atMs = this.#monotonicNow();
    const last = this.#reported.get(targetPath);
    if (last?.message === message && atMs - last.atMs < driverLimits.podEvents.repeatMs) return;
    const reported = { message, atMs };
    this.#reported.set(targetPath, reported);
    const text = failureText(volume, failure, isWithoutTokens, this.#options.clock.now());
    void this.#write(request, text).then((isWritten) => {
      // The next occurrence of the failure is reported then.
      if (!isWritten && this.#reported.get(targetPath) === reported) this.#reported.delete(targetPath);
    });
  }

  recovered(volume: PublishedVolume, failure: RefreshFailure): void {
    const { request } = volume;
    // A failure without an event needs no event for its end.
    if (!this.#reported.delete(request.targetPath)) return;
    void this.#write(request, recoveryText(volume, failure, this.#options.clock.now()));
  }

  warned(request: PublishRequest, message: string): void {
    void this.#write(request, warningText(request, message));
  }

  gone(targetPath: string): void {
    this.#reported.delete(targetPath);
  }

  stop(): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', 'the driver is stopping'));
  }

  /** Creates an event. @returns whether it was written. */
  async #write({ volumeId, targetPath, pod }: PublishRequest, text: EventText): Promise<boolean> {
    const { client, clock, driverName, nodeName, log } = this.#options;
    const { signal } = this.#stopping;
    const { namespace, name, uid } = pod;
    if (!this.#ofPods.of(uid).acquire() || !this.#ofNode.acquire()) return false;
    const event = eventObject(pod, text, { driverName, nodeName }, targetPath, clock.now());
    const owner = { namespace, podUid: uid };
    try {
      const options = { signal, timeoutMs: requestTimeoutMs, retry: false, owner };
      await client.create({ type: eventType, namespace }, event, options);
      return true;
    } catch (cause) {
      if (signal.aborted) return false;
      // A missing permission affects all events, so it is logged once.
      const isFirst = isKubeError(cause, 403) && !this.#isForbidden;
      this.#isForbidden = isKubeError(cause, 403);
      const error = apiFailure(cause, {
        doing: `writing an event about pod ${namespace}/${name}`,
        needed: { apiGroup: 'events.k8s.io', resource: 'events', resourceNames: [], verbs: ['create'] },
        problem: client.problem,
      });
      log[isFirst ? 'warn' : 'debug']('Failed to write event on pod', { volumeId, pod: `${namespace}/${name}`, error });
      return false;
    }
  }
}

const eventType: ResourceType = { apiVersion: 'events.k8s.io/v1', kind: 'Event', plural: 'events' };

interface EventText {
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
function eventObject(
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
function warningText(request: PublishRequest, message: string): EventText {
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
