import type { Clock } from '../shared/clock.js';
import { CodedError } from '../shared/errors.js';
import { apiFailure } from '../shared/kube/api-failure.js';
import type { KubeClient } from '../shared/kube/kube-client.js';
import { isKubeError } from '../shared/kube/kube-error.js';
import { TokenBucket } from '../shared/limits/token-bucket.js';
import { TokenBuckets } from '../shared/limits/token-buckets.js';
import type { Log } from '../shared/log.js';
import { eventObject, eventType, seriesPatch } from './event-object.js';
import type { EventText } from './event-object.js';
import { driverLimits } from './limits.js';
import type { PublishedVolume, RefreshFailure, RefreshListener } from './publish/published-volumes.js';
import type { PublishRequest } from './publish/publish-request.js';
import { failureText, recoveryText, warningText } from './refresh-event.js';

export type EventOutcome = 'written' | 'failed' | 'dropped';

export interface PodEventsOptions {
  readonly client: KubeClient;
  readonly driverName: string;
  readonly nodeName: string;
  readonly observer: PodEventsObserver;
  /** Wall clock, for timestamps of events. */
  readonly clock: Clock;
  readonly log: Log;
}

export interface PodEventsObserver {
  podEvent(outcome: EventOutcome): void;
}

/** Timeout of one request in milliseconds; nothing waits for it. */
const requestTimeoutMs = 10_000;

/** A failure that has an event. */
interface ReportedFailure {
  /** Name of the event. */
  readonly name: string;
  readonly message: string;
  count: number;
  /** By the monotonic clock. */
  sentMs: number;
}

interface Job {
  readonly podUid: string;
  readonly run: () => Promise<void>;
}

/**
 * Writes events on the pods whose volumes fail to refresh (events.k8s.io/v1), one when that is over, and one for each
 * warning about content. A continuing failure is one event with a count. Requests are sent in sequence, and no publish
 * waits for them. Events over a limit are dropped; the next occurrence of the failure then creates a new event.
 */
export class PodEvents implements RefreshListener {
  readonly #options: PodEventsOptions;
  readonly #monotonicNow: () => number;
  readonly #stopping = new AbortController();
  /** By target path. */
  readonly #reported = new Map<string, ReportedFailure>();
  /** By target path, and for warnings also by text; a newer job replaces an older one. */
  readonly #waiting = new Map<string, Job>();
  readonly #ofNode: TokenBucket;
  /** By UID of the pod. */
  readonly #ofPods: TokenBuckets;
  #isSending = false;
  #isForbidden = false;

  constructor(options: PodEventsOptions) {
    const { ofPod, ofNode, waiting } = driverLimits.podEvents;
    this.#options = options;
    this.#monotonicNow = options.client.clock.now;
    this.#ofNode = new TokenBucket(ofNode, this.#monotonicNow);
    this.#ofPods = new TokenBuckets({ ...ofPod, keys: waiting }, this.#monotonicNow);
  }

  failed(volume: PublishedVolume, failure: RefreshFailure, isWithoutTokens: boolean): void {
    const { request } = volume;
    const reported = this.#reported.get(request.targetPath);
    if (reported?.message !== failure.message) {
      const text = failureText(volume, failure, isWithoutTokens, this.#options.clock.now());
      this.#enqueue(request, request.targetPath, () => this.#create(request, text, failure.message));
      return;
    }
    reported.count += 1;
    if (this.#monotonicNow() - reported.sentMs >= driverLimits.podEvents.repeatMs)
      this.#enqueue(request, request.targetPath, () => this.#repeat(request, reported));
  }

  recovered(volume: PublishedVolume, failure: RefreshFailure): void {
    const { request } = volume;
    // A failure without an event needs no event for its end.
    if (!this.#forget(request.targetPath)) return;
    const text = recoveryText(volume, failure, this.#options.clock.now());
    this.#enqueue(request, request.targetPath, () => this.#create(request, text));
  }

  warned(request: PublishRequest, message: string): void {
    const key = `${request.targetPath} ${message}`;
    this.#enqueue(request, key, () => this.#create(request, warningText(request, message)));
  }

  gone(targetPath: string): void {
    this.#forget(targetPath);
  }

  stop(): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', 'the driver is stopping'));
    this.#waiting.clear();
  }

  #forget(targetPath: string): boolean {
    this.#waiting.delete(targetPath);
    return this.#reported.delete(targetPath);
  }

  #enqueue({ pod }: PublishRequest, key: string, run: () => Promise<void>): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#waiting.size >= driverLimits.podEvents.waiting && !this.#waiting.has(key)) {
      this.#options.observer.podEvent('dropped');
      return;
    }
    this.#waiting.set(key, { podUid: pod.uid, run });
    void this.#send();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    for (const [key, { podUid, run }] of this.#waiting) {
      this.#waiting.delete(key);
      if (this.#ofPods.of(podUid).acquire() && this.#ofNode.acquire()) await run();
      else this.#options.observer.podEvent('dropped');
    }
    this.#isSending = false;
  }

  /** Creates an event. @param message of a failure that can continue. */
  async #create(request: PublishRequest, text: EventText, message?: string): Promise<void> {
    const { client, clock, driverName, nodeName } = this.#options;
    const { targetPath, pod } = request;
    const event = eventObject(pod, text, { driverName, nodeName }, targetPath, clock.now());
    const { namespace, name } = event.metadata;
    const reported = { name, message: message ?? '', count: 1, sentMs: this.#monotonicNow() };
    // Recorded before the event is written: the failure can be over, or its volume gone, afterwards.
    if (message !== undefined) this.#reported.set(targetPath, reported);
    const isWritten = await this.#request(request, async (options) => {
      await client.create({ type: eventType, namespace }, event, options);
    });
    if (!isWritten) this.#discard(targetPath, reported);
  }

  async #repeat(request: PublishRequest, reported: ReportedFailure): Promise<void> {
    const { client, clock } = this.#options;
    const location = { type: eventType, namespace: request.pod.namespace, name: reported.name };
    reported.sentMs = this.#monotonicNow();
    const isWritten = await this.#request(request, async (options) => {
      await client.patch(location, seriesPatch(reported.count, clock.now()), options);
    });
    // The event may have been deleted, as events are after an hour: the next occurrence creates another one.
    if (!isWritten) this.#discard(request.targetPath, reported);
  }

  #discard(targetPath: string, reported: ReportedFailure): void {
    if (this.#reported.get(targetPath) === reported) this.#reported.delete(targetPath);
  }

  async #request(
    { volumeId, pod: { namespace, name, uid } }: PublishRequest,
    send: (options: Parameters<KubeClient['patch']>[2]) => Promise<void>,
  ): Promise<boolean> {
    const { client, observer, log } = this.#options;
    const { signal } = this.#stopping;
    try {
      await send({ signal, timeoutMs: requestTimeoutMs, retry: false, owner: { namespace, podUid: uid } });
      observer.podEvent('written');
      return true;
    } catch (cause) {
      if (signal.aborted) return false;
      observer.podEvent('failed');
      // A missing permission affects all events, so it is logged once; other errors are counted.
      const isFirst = isKubeError(cause, 403) && !this.#isForbidden;
      this.#isForbidden = isKubeError(cause, 403);
      const error = apiFailure(cause, {
        doing: `writing an event about pod ${namespace}/${name}`,
        needed: { apiGroup: 'events.k8s.io', resource: 'events', resourceNames: [], verbs: ['create', 'patch'] },
        problem: client.problem,
      });
      const fields = { volumeId, pod: `${namespace}/${name}`, error };
      log[isFirst ? 'warn' : 'debug']('Failed to write event on pod', fields);
      return false;
    }
  }
}
