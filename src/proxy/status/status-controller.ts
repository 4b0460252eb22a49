import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../../shared/clock.js';
import type { ConnectorRef } from '../../shared/connectors/model.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import type { Log } from '../../shared/log.js';
import type { CaSource } from '../certificates/certificate-authority.js';
import type { ConnectorLister } from '../connectors/connector-lookup.js';
import type { Generators } from '../credentials/generator/generators.js';
import type { ConnectorCheck } from './connector-check.js';
import { LeaderElector, leaseTimings } from './leader-elector.js';
import type { LeaseTimings } from './leader-elector.js';
import type { ProxyService } from './proxy-service.js';
import type { StatusObserver } from './status-patches.js';
import { StatusPatches } from './status-patches.js';
import { statusTimings } from './status-timings.js';
import type { StatusTimings } from './status-timings.js';
import { StatusReconciler } from './status-reconciler.js';
import { CaPublisher } from './ca-publisher.js';

export interface StatusControllerOptions {
  readonly client: KubeClient;
  readonly objects: ConnectorLister;
  readonly check: ConnectorCheck;
  readonly generators: Generators;
  readonly ca: CaSource;
  readonly onCaChange: (listener: () => void) => void;
  readonly service: ProxyService;
  readonly audience: string;
  /** Whether to publish the CA as a ConfigMap. */
  readonly isCaConfigMapPublished: boolean;
  readonly clock: Clock;
  readonly observer: StatusObserver;
  readonly log: Log;
  /** Timings that tests shorten. */
  readonly timings?: Partial<StatusTimings & LeaseTimings>;
}

/** Writes the status of Connectors and classes. The replica with the Lease writes all of them. */
export class StatusController {
  readonly #elector: LeaderElector;
  readonly #reconciler: StatusReconciler;

  constructor({ timings = {}, onCaChange, ...options }: StatusControllerOptions) {
    const { client, service, clock, log } = options;
    this.#reconciler = new StatusReconciler({
      ...options,
      patches: new StatusPatches(options),
      timings: { ...statusTimings, ...timings },
    });
    const { namespace } = service;
    const publisher = options.isCaConfigMapPublished
      ? new CaPublisher({ client, namespace, ca: options.ca, log })
      : undefined;
    onCaChange(() => {
      this.#reconciler.enqueueAll();
      publisher?.caChanged();
    });
    this.#elector = new LeaderElector({
      client,
      namespace,
      name: service.name,
      identity: `${hostname()}_${randomUUID()}`,
      timings: { ...leaseTimings, ...timings },
      clock,
      onStartedLeading: () => {
        this.#reconciler.begin();
        publisher?.begin();
      },
      onStoppedLeading: () => {
        this.#reconciler.end();
        publisher?.end();
      },
      log,
    });
  }

  get isLeader(): boolean {
    return this.#elector.isLeader;
  }

  /** Returns the number of Connectors by the status of their condition `Ready`; 0 without the Lease. */
  countByReady(): Readonly<Record<string, number>> {
    return this.#reconciler.countByReady();
  }

  /** See StatusReconciler. */
  used(connector: ConnectorRef, isServed: boolean): void {
    this.#reconciler.used(connector, isServed);
  }

  start(): void {
    this.#elector.start();
  }

  /** Ends all writing, then releases the Lease. */
  stop(): Promise<void> {
    this.#reconciler.end();
    return this.#elector.stop();
  }
}
