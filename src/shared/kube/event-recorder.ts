import type { Clock } from '../clock.js';
import { CodedError } from '../errors.js';
import { TokenBucket } from '../limits/token-bucket.js';
import type { TokenRate } from '../limits/token-bucket.js';
import { TokenBuckets } from '../limits/token-buckets.js';
import type { Log } from '../log.js';
import { apiFailure } from './api-failure.js';
import { eventObject, eventType, seriesPatch } from './event-object.js';
import type { EventSource, EventTarget, EventText } from './event-object.js';
import type { KubeClient } from './kube-client.js';
import { isKubeError } from './kube-error.js';

export type EventOutcome = 'written' | 'failed' | 'dropped';

export interface EventLimits {
  /** Rate of events about one object, and about all. */
  readonly ofObject: TokenRate;
  readonly ofAll: TokenRate;
  /** Interval in which a lasting problem is reported again. */
  readonly repeatMs: number;
  /** Problems with waiting events, and objects whose rate is tracked. */
  readonly waiting: number;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly source: EventSource;
  readonly limits: EventLimits;
  readonly onOutcome: (outcome: EventOutcome) => void;
  /** Wall clock, for timestamps of events. */
  readonly clock: Clock;
  readonly log: Log;
  /** Log message for events that are not written. */
  readonly failureMessage: string;
}

/** Something that has at most one problem at a time. */
export interface EventSubject {
  readonly key: string;
  /** The object that its events are about. Several subjects can share one. */
  readonly target: EventTarget;
  readonly logFields: Readonly<Record<string, string>>;
}

/** Timeout of one request in milliseconds; nothing waits for it. */
const requestTimeoutMs = 10_000;

/** A problem that has an event. */
interface ReportedProblem {
  readonly name: string;
  readonly problem: string;
  count: number;
  /** By the monotonic clock. */
  sentMs: number;
}

interface Job {
  readonly uid: string;
  readonly run: () => Promise<void>;
}

/**
 * Records events about problems (events.k8s.io/v1). A continuing problem is one event with a count. Requests are sent in
 * sequence, independently of the caller. Events over a limit are dropped, and rejected ones are counted; the problem's
 * next occurrence then creates a new event.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #monotonicNow: () => number;
  readonly #stopping = new AbortController();
  /** By key of the subject. */
  readonly #reported = new Map<string, ReportedProblem>();
  /** By key of the subject; a newer job replaces an older one. */
  readonly #waiting = new Map<string, Job>();
  readonly #ofAll: TokenBucket;
  /** By UID. */
  readonly #ofObjects: TokenBuckets;
  #isSending = false;
  #isForbidden = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#monotonicNow = options.client.clock.now;
    this.#ofAll = new TokenBucket(options.limits.ofAll, this.#monotonicNow);
    this.#ofObjects = new TokenBuckets({ ...options.limits.ofObject, keys: options.limits.waiting }, this.#monotonicNow);
  }

  /**
   * Records one occurrence of a problem.
   * @param problem the same text as long as it is the same problem.
   * @param text of a new event.
   */
  occurred(subject: EventSubject, problem: string, text: () => EventText): void {
    const reported = this.#reported.get(subject.key);
    if (reported?.problem !== problem) {
      const written = text();
      this.#enqueue(subject, () => this.#create(subject, written, problem));
      return;
    }
    reported.count += 1;
    if (this.#monotonicNow() - reported.sentMs >= this.#options.limits.repeatMs)
      this.#enqueue(subject, () => this.#repeat(subject, reported));
  }

  /** Records the end of a problem, if the problem has an event. @param text of the event for the end. */
  ended(subject: EventSubject, text: () => EventText): void {
    // A problem without an event needs no event for its end.
    if (this.forget(subject.key)) this.once(subject, text());
  }

  /** Records something that happened once. */
  once(subject: EventSubject, text: EventText): void {
    this.#enqueue(subject, () => this.#create(subject, text));
  }

  /** Ends a problem without an event. @returns whether it had one. */
  forget(key: string): boolean {
    this.#waiting.delete(key);
    return this.#reported.delete(key);
  }

  /** @param reason for which running requests fail. */
  stop(reason: string): void {
    this.#stopping.abort(new CodedError('UNAVAILABLE', reason));
    this.#waiting.clear();
  }

  #enqueue({ key, target }: EventSubject, run: () => Promise<void>): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#waiting.size >= this.#options.limits.waiting && !this.#waiting.has(key)) {
      this.#options.onOutcome('dropped');
      return;
    }
    this.#waiting.set(key, { uid: target.uid, run });
    void this.#send();
  }

  async #send(): Promise<void> {
    if (this.#isSending) return;
    this.#isSending = true;
    for (const [key, { uid, run }] of this.#waiting) {
      this.#waiting.delete(key);
      if (this.#ofObjects.of(uid).acquire() && this.#ofAll.acquire()) await run();
      else this.#options.onOutcome('dropped');
    }
    this.#isSending = false;
  }

  /** Creates an event. @param problem that it reports; undefined for the end of one. */
  async #create(subject: EventSubject, text: EventText, problem?: string): Promise<void> {
    const { client, clock, source } = this.#options;
    const event = eventObject(subject.target, text, source, subject.key, clock.now());
    const { namespace, name } = event.metadata;
    const reported = { name, problem: problem ?? '', count: 1, sentMs: this.#monotonicNow() };
    // Recorded before the event is written: the problem can be over, or its subject gone, afterwards.
    if (problem !== undefined) this.#reported.set(subject.key, reported);
    const isWritten = await this.#request(subject, async (options) => {
      await client.create({ type: eventType, namespace }, event, options);
    });
    if (!isWritten) this.#discard(subject.key, reported);
  }

  async #repeat(subject: EventSubject, reported: ReportedProblem): Promise<void> {
    const { client, clock } = this.#options;
    const location = { type: eventType, namespace: subject.target.namespace, name: reported.name };
    reported.sentMs = this.#monotonicNow();
    const isWritten = await this.#request(subject, async (options) => {
      await client.patch(location, seriesPatch(reported.count, clock.now()), options);
    });
    // The event may have been deleted, as events are after an hour: the next occurrence creates another one.
    if (!isWritten) this.#discard(subject.key, reported);
  }

  #discard(key: string, reported: ReportedProblem): void {
    if (this.#reported.get(key) === reported) this.#reported.delete(key);
  }

  async #request(
    { target, logFields }: EventSubject,
    send: (options: Parameters<KubeClient['patch']>[2]) => Promise<void>,
  ): Promise<boolean> {
    const { client, onOutcome, log, failureMessage } = this.#options;
    const { kind, namespace, name, uid } = target;
    try {
      await send({
        signal: this.#stopping.signal,
        timeoutMs: requestTimeoutMs,
        retry: false,
        owner: { namespace, podUid: uid },
      });
      onOutcome('written');
      return true;
    } catch (cause) {
      if (this.#stopping.signal.aborted) return false;
      onOutcome('failed');
      // A missing permission affects all events, so it is logged once; other errors are counted.
      const isFirst = isKubeError(cause, 403) && !this.#isForbidden;
      this.#isForbidden = isKubeError(cause, 403);
      const error = apiFailure(cause, {
        doing: `writing an event about ${kind.toLowerCase()} ${namespace}/${name}`,
        needed: { apiGroup: 'events.k8s.io', resource: 'events', resourceNames: [], verbs: ['create', 'patch'] },
        problem: client.problem,
      });
      log[isFirst ? 'warn' : 'debug'](failureMessage, { ...logFields, error });
      return false;
    }
  }
}
