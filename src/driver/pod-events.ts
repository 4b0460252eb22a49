import type { Clock } from '../shared/clock.js';
import { EventRecorder } from '../shared/kube/event-recorder.js';
import type { EventOutcome, EventSubject } from '../shared/kube/event-recorder.js';
import type { KubeClient } from '../shared/kube/kube-client.js';
import { driverLimits } from './limits.js';
import type { Log } from '../shared/log.js';
import type { PublishRequest } from './publish/publish-request.js';
import { failureText, recoveryText, warningText } from './refresh-event.js';
import type { PublishedVolume, RefreshFailure, RefreshListener } from './publish/published-volumes.js';

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

/**
 * Events on the pods whose volumes fail to refresh, one when that is over, and one for each warning about content. No
 * publish waits for them.
 */
export class PodEvents implements RefreshListener {
  readonly #clock: Clock;
  readonly #recorder: EventRecorder;

  constructor({ client, driverName, nodeName, observer, clock, log }: PodEventsOptions) {
    const { ofPod, ofNode, repeatMs, waiting } = driverLimits.podEvents;
    this.#clock = clock;
    this.#recorder = new EventRecorder({
      client,
      source: { controller: driverName, instance: nodeName, action: 'Refresh' },
      limits: { ofObject: ofPod, ofAll: ofNode, repeatMs, waiting },
      onOutcome: (outcome) => observer.podEvent(outcome),
      clock,
      log,
      failureMessage: 'Failed to write event on pod',
    });
  }

  failed(volume: PublishedVolume, failure: RefreshFailure, isWithoutTokens: boolean): void {
    const text = (): ReturnType<typeof failureText> => failureText(volume, failure, isWithoutTokens, this.#clock.now());
    this.#recorder.occurred(subjectOf(volume), failure.message, text);
  }

  recovered(volume: PublishedVolume, failure: RefreshFailure): void {
    this.#recorder.ended(subjectOf(volume), () => recoveryText(volume, failure, this.#clock.now()));
  }

  warned(request: PublishRequest, message: string): void {
    const { key, ...subject } = subjectOf({ request });
    this.#recorder.once({ ...subject, key: `${key} ${message}` }, warningText(request, message));
  }

  gone(targetPath: string): void {
    this.#recorder.forget(targetPath);
  }

  stop(): void {
    this.#recorder.stop('the driver is stopping');
  }
}

function subjectOf({ request: { targetPath, volumeId, pod } }: Pick<PublishedVolume, 'request'>): EventSubject {
  const { namespace, name, uid } = pod;
  return {
    key: targetPath,
    target: { apiVersion: 'v1', kind: 'Pod', namespace, name, uid },
    logFields: { volumeId, pod: `${namespace}/${name}` },
  };
}
