import type { Clock } from '../../clock.js';
import { connectorType } from '../../connectors/kubernetes-connectors.js';
import type { Connector } from '../../connectors/model.js';
import { EventRecorder } from '../../kube/event-recorder.js';
import type { EventOutcome } from '../../kube/event-recorder.js';
import type { KubeClient } from '../../kube/kube-client.js';
import { metadataText } from '../../kube/kube-object.js';
import { limits } from '../../limits/defaults.js';
import type { Log } from '../../log.js';
import type { ConditionReason, ConditionResult } from './conditions.js';

export interface ConnectorEventsOptions {
  readonly client: KubeClient;
  /** Name of the replica. */
  readonly instance: string;
  readonly observer: ConnectorEventsObserver;
  /** Wall clock, for timestamps of events. */
  readonly clock: Clock;
  readonly log: Log;
}

export interface ConnectorEventsObserver {
  connectorEvent(outcome: EventOutcome): void;
}

/** Reasons of `CACertReady` that the owner of the Connector can fix. */
const reported: ReadonlySet<ConditionReason> = new Set<ConditionReason>(['CACertSecretNotFound', 'InvalidCACert']);

/** Events on Connectors whose CA does not exist or cannot be used. Status updates do not wait for them. */
export class ConnectorEvents {
  readonly #recorder: EventRecorder;

  constructor({ client, instance, observer, clock, log }: ConnectorEventsOptions) {
    const { ofConnector, ofAll, repeatMs, waiting } = limits.connectorEvents;
    this.#recorder = new EventRecorder({
      client,
      source: { controller: 'connectors-proxy', instance, action: 'Check' },
      limits: { ofObject: ofConnector, ofAll, repeatMs, waiting },
      onOutcome: (outcome) => observer.connectorEvent(outcome),
      clock,
      log,
      failureMessage: 'Failed to write event on Connector',
    });
  }

  /** Records the results of a check. */
  checked({ ref, object }: Connector, results: readonly ConditionResult[]): void {
    const { namespace, name } = ref;
    const key = `${namespace}/${name}`;
    const ofCa = results.find(({ type }) => type === 'CACertReady');
    // Unknown: the problem can last.
    if (ofCa?.status === 'Unknown') return;
    if (ofCa?.status !== 'False' || !reported.has(ofCa.reason)) {
      this.#recorder.forget(key);
      return;
    }
    const { reason, message: note } = ofCa;
    const uid = metadataText(object, 'uid') ?? '';
    const { apiVersion, kind } = connectorType;
    const subject = { key, target: { apiVersion, kind, namespace, name, uid }, logFields: { connector: key } };
    // A Connector that was created again has the same name and another UID.
    this.#recorder.occurred(subject, `${uid} ${reason} ${note}`, () => ({ type: 'Warning', reason, note }));
  }

  /** @param key namespace and name of a Connector that was deleted or belongs to another proxy. */
  gone(key: string): void {
    this.#recorder.forget(key);
  }

  /** Forgets all Connectors: another replica checks them from now on. */
  clear(): void {
    this.#recorder.clear();
  }

  stop(): void {
    this.#recorder.stop('the proxy is stopping');
  }
}
