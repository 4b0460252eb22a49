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
  /** Wall clock, for what events say. */
  readonly clock: Clock;
  readonly log: Log;
}

export interface PodEventsObserver {
  podEvent(outcome: 'written' | 'failed' | 'dropped'): void;
}

/** Milliseconds for one request; nobody waits for it. */
const requestTimeoutMs = 10_000;

/** A failure that the pod has an event of. */
interface Told {
  readonly name: string;
  readonly message: string;
  count: number;
  /** By the steady clock. */
  sentMs: number;
}

interface Job {
  readonly owner: FlowKey;
  readonly run: () => Promise<void>;
}

/**
 * Events on the pods whose volumes fail to refresh, and one when that is over (events.k8s.io/v1). A failure that goes on
 * is one event with a count. Requests are made one at a time, aside from all publishes: what is too much is dropped, what
 * the API server does not take is counted, and the volume's next failure tells it then.
 */
export class PodEvents implements RefreshListener {
  readonly #options: PodEventsOptions;
  readonly #monotonicNow: () => number;
  readonly #stopping = new AbortController();
  /** By target path. */
  readonly #told = new Map<string, Told>();
  /** By target path; the newest counts. */
  readonly #waiting = new Map<string, Job>();
  readonly #ofNode: TokenBucket;
  /** By uid; who has not been heard of for longest is forgotten first. */
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
    const told = this.#told.get(targetPath);
    if (told?.message !== failure.message) {
      const nowMs = this.#options.clock.now();
      const text = failureText(volume, failure, isWithoutTokens, nowMs);
      this.#enqueue(volume, () => this.#create(volume, text, failure.message));
      return;
    }
    told.count += 1;
    if (this.#monotonicNow() - told.sentMs >= limits.podEvents.repeatMs)
      this.#enqueue(volume, () => this.#repeat(volume, told));
  }

  recovered(volume: PublishedVolume, failure: RefreshFailure): void {
    const { targetPath } = volume.request;
    // What nobody was told of need not be taken back.
    this.#waiting.delete(targetPath);
    if (!this.#told.delete(targetPath)) return;
    const text = recoveryText(volume, failure, this.#options.clock.now());
    this.#enqueue(volume, () => this.#create(volume, text));
  }

  gone(targetPath: string): void {
    this.#told.delete(targetPath);
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
      if (this.#mayTell(owner.podUid)) await run();
      else this.#options.observer.podEvent('dropped');
    }
    this.#isSending = false;
  }

  #mayTell(podUid: string): boolean {
    const ofPod = this.#ofPods.get(podUid) ?? new TokenBucket(limits.podEvents.ofPod, this.#monotonicNow);
    this.#ofPods.set(podUid, ofPod);
    return ofPod.tryTake() && this.#ofNode.tryTake();
  }

  /** @param failure of which it tells; undefined: of its end. */
  async #create(volume: PublishedVolume, text: EventText, failure?: string): Promise<void> {
    const { client, clock } = this.#options;
    const event = eventObject(volume, text, this.#options, clock.now());
    const { namespace, name } = event.metadata;
    const { targetPath } = volume.request;
    const told = { name, message: failure ?? '', count: 1, sentMs: this.#monotonicNow() };
    // Before it is written: the volume may be current again, or gone, by then.
    if (failure !== undefined) this.#told.set(targetPath, told);
    const isWritten = await this.#request(volume, async (options) => {
      await client.create({ type: eventType, namespace }, event, options);
    });
    if (!isWritten) this.#forget(targetPath, told);
  }

  async #repeat(volume: PublishedVolume, told: Told): Promise<void> {
    const { client, clock } = this.#options;
    const { targetPath, pod } = volume.request;
    const location = { type: eventType, namespace: pod.namespace, name: told.name };
    told.sentMs = this.#monotonicNow();
    const isWritten = await this.#request(volume, async (options) => {
      await client.patch(location, seriesPatch(told.count, clock.now()), options);
    });
    // It may be gone, as events are after an hour: the next failure makes another one.
    if (!isWritten) this.#forget(targetPath, told);
  }

  #forget(targetPath: string, told: Told): void {
    if (this.#told.get(targetPath) === told) this.#told.delete(targetPath);
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
      // A right that is missing is missing for all; the rest is counted, and comes with worse.
      const isNews = isKubeError(error, 403) && !this.#isForbidden;
      this.#isForbidden = isKubeError(error, 403);
      const fields = { volumeId, pod: `${pod.namespace}/${pod.name}`, error };
      log[isNews ? 'warn' : 'debug']('an event on a pod could not be written', fields);
      return false;
    }
  }
}
