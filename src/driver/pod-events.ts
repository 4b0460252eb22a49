import type { Clock } from '../shared/clock.ts';
import { CodedError } from '../shared/errors.ts';
import { apiFailure } from '../shared/kube/api-failure.ts';
import type { KubeClient } from '../shared/kube/kube-client.ts';
import { isKubeError } from '../shared/kube/kube-error.ts';
import { TokenBucket } from '../shared/limits/token-bucket.ts';
import { TokenBuckets } from '../shared/limits/token-buckets.ts';
import type { Log } from '../shared/log.ts';
import { eventObject, eventType, failureText, recoveryText, warningText } from './pod-event.ts';
import type { EventText } from './pod-event.ts';
import { driverLimits } from './limits.ts';
import type { PublishedVolume, RefreshFailure, RefreshListener } from './publish/published-volumes.ts';
import type { PublishRequest } from './publish/publish-request.ts';

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
