import { BoundedMap } from '../limits/bounded-map.js';
import type { Clock } from '../clock.js';
import { CodedError } from '../errors.js';
import type { KubeClient } from '../kube/kube-client.js';
import { isKubeError } from '../kube/kube-error.js';
import { TokenBucket } from '../limits/token-bucket.js';
import type { FlowKey } from '../limits/flow-key.js';
import { limits } from '../limits/defaults.js';
import type { Log } from '../log.js';
import { eventObject, eventType, failureText, recoveryText, seriesPatch } from './refresh-event.js';
import type { EventSource, EventText } from './refresh-event.js';
import type { PublishedVolume, RefreshFailure, RefreshListener } from './volume/published-volumes.js';

export interface PodEventsOptions extends EventSource {
  readonly client: KubeClient;
  readonly observer: PodEventsObserver;
  /** Wall clock, for timestamps of events. */
  readonly clock: Clock;
  readonly log: Log;
}

export interface PodEventsObserver {
  podEvent(outcome: 'written' | 'failed' | 'dropped'): void;
}

/** Timeout of one request in milliseconds; no publish waits for it. */
const requestTimeoutMs = 10_000;

/** A failure that the pod has an event for. */
interface ReportedFailure {
  readonly name: string;
  readonly message: string;
  count: number;
  /** By the monotonic clock. */
  sentMs: number;
}

interface Job {
  readonly owner: FlowKey;
  readonly run: () => Promise<void>;
}

/**
 * Events on the pods whose volumes fail to refresh, and one when that is over (events.k8s.io/v1). A continuing failure
 * is one event with a count. Requests are sent in sequence, independently of publishes. Events over a limit are
 * dropped, and rejected ones are counted; the volume's next failure then creates a new event.
 */
export class PodEvents implements RefreshListener {
  readonly #options: PodEventsOptions;
  readonly #monotonicNow: () => number;
  readonly #stopping = new AbortController();
  /** By target path. */
  readonly #reported = new Map<string, ReportedFailure>();
  /** By target path; a newer job replaces an older one. */
  readonly #waiting = new Map<string, Job>();
  readonly #ofNode: TokenBucket;
  /** By pod UID; the least recently used is evicted. */
  readonly #ofPods = new BoundedMap<string, TokenBucket>(limits.podEvents.waiting);
  #isSending = false;
  #isForbidden = false;

  constructor(options: PodEventsOptions) {
    this.#options = options;
    this.#monotonicNow = options.client.clock.now;
    this.#ofNode = new TokenBucket(limits.podEvents.ofNode, this.#monotonicNow);
  }

  failed(volume: PublishedVolume, failure: RefreshFailure, isWithoutTokens: boolean): void {
    const { targetPath } = volume.request;
    const reported = this.#reported.get(targetPath);
    if (reported?.message !== failure.message) {
      const nowMs = this.#options.clock.now();
      const text = failureText(volume, failure, isWithoutTokens, nowMs);
      this.#enqueue(volume, () => this.#create(volume, text, failure.message));
      return;
    }
    reported.count += 1;
    if (this.#monotonicNow() - reported.sentMs >= limits.podEvents.repeatMs)
      this.#enqueue(volume, () => this.#repeat(volume, reported));
  }

  recovered(volume: PublishedVolume, failure: RefreshFailure): void {
    const { targetPath } = volume.request;
    // A failure without an event needs no event for its end.
    this.#waiting.delete(targetPath);
    if (!this.#reported.delete(targetPath)) return;
    const text = recoveryText(volume, failure, this.#options.clock.now());
    this.#enqueue(volume, () => this.#create(volume, text));
  }

  gone(targetPath: string): void {
    this.#reported.delete(targetPath);
    this.#waiting.delete(targetPath);
  }

  stop(): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', 'the driver is stopping'));
    this.#waiting.clear();
  }

  #enqueue({ request }: PublishedVolume, run: () => Promise<void>): void {
    const { targetPath, pod } = request;
    if (this.#stopping.signal.aborted) return;
    if (this.#waiting.size >= limits.podEvents.waiting && !this.#waiting.has(targetPath)) {
      this.#options.observer.podEvent('dropped');
      return;
    }
    this.#waiting.set(targetPath, { owner: { namespace: pod.namespace, podUid: pod.uid }, run });
    void this.#send();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    for (const [targetPath, { owner, run }] of this.#waiting) {
      this.#waiting.delete(targetPath);
      if (this.#isWithinRate(owner.podUid)) await run();
      else this.#options.observer.podEvent('dropped');
    }
    this.#isSending = false;
  }

  #isWithinRate(podUid: string): boolean {
    const ofPod = this.#ofPods.get(podUid) ?? new TokenBucket(limits.podEvents.ofPod, this.#monotonicNow);
    this.#ofPods.set(podUid, ofPod);
    return ofPod.tryTake() && this.#ofNode.tryTake();
  }

  /** Creates an event. @param failure the failure that it reports; undefined for the end of one. */
  async #create(volume: PublishedVolume, text: EventText, failure?: string): Promise<void> {
    const { client, clock } = this.#options;
    const event = eventObject(volume, text, this.#options, clock.now());
    const { namespace, name } = event.metadata;
    const { targetPath } = volume.request;
    const reported = { name, message: failure ?? '', count: 1, sentMs: this.#monotonicNow() };
    // Recorded before the event is written: the volume can be current again, or gone, afterwards.
    if (failure !== undefined) this.#reported.set(targetPath, reported);
    const isWritten = await this.#request(volume, async (options) => {
      await client.create({ type: eventType, namespace }, event, options);
    });
    if (!isWritten) this.#forget(targetPath, reported);
  }

  async #repeat(volume: PublishedVolume, reported: ReportedFailure): Promise<void> {
    const { client, clock } = this.#options;
    const { targetPath, pod } = volume.request;
    const location = { type: eventType, namespace: pod.namespace, name: reported.name };
    reported.sentMs = this.#monotonicNow();
    const isWritten = await this.#request(volume, async (options) => {
      await client.patch(location, seriesPatch(reported.count, clock.now()), options);
    });
    // The event may have been deleted, as events are after an hour: the next failure creates another one.
    if (!isWritten) this.#forget(targetPath, reported);
  }

  #forget(targetPath: string, reported: ReportedFailure): void {
    if (this.#reported.get(targetPath) === reported) this.#reported.delete(targetPath);
  }

  async #request(
    { request }: PublishedVolume,
    send: (options: Parameters<KubeClient['patch']>[2]) => Promise<void>,
  ): Promise<boolean> {
    const { observer, log } = this.#options;
    const { pod, volumeId } = request;
    try {
      await send({
        signal: this.#stopping.signal,
        timeoutMs: requestTimeoutMs,
        retry: false,
        owner: { namespace: pod.namespace, podUid: pod.uid },
      });
      observer.podEvent('written');
      return true;
    } catch (error) {
      if (this.#stopping.signal.aborted) return false;
      observer.podEvent('failed');
      // A missing permission affects all events, so it is logged once; other errors are counted.
      const isFirst = isKubeError(error, 403) && !this.#isForbidden;
      this.#isForbidden = isKubeError(error, 403);
      const fields = { volumeId, pod: `${pod.namespace}/${pod.name}`, error };
      log[isFirst ? 'warn' : 'debug']('Failed to write event on pod', fields);
      return false;
    }
  }
}
