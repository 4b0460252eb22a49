import { Cancellation } from '../abortable.js';
import type { AbortHandle } from '../abortable.js';
import { CodedError } from '../errors.js';
import { AdmittedCall } from './admitted-call.js';
import type { FlowKey } from './flow-key.js';
import { InFlightUsage } from './in-flight-usage.js';
import type { InFlightEntry } from './in-flight-usage.js';
import { unitsOf } from './call-units.js';
import type { LimitObserver, RejectionScope } from './limit-observer.js';
import { FairSemaphore } from './fair-semaphore.js';

/** Limits in units; see `limits.publishes`. */
export interface AdmissionLimits {
  readonly inFlight: number;
  readonly perPod: number;
  /** Maximum number of running calls (not units). */
  readonly running: number;
}

/** A publish before its request is parsed. */
export interface IncomingPublish {
  readonly owner: FlowKey;
  /** Name of the pod in messages: `NAMESPACE/NAME`. */
  readonly pod: string;
  /** Memory of the request. */
  readonly sizeBytes: number;
}

interface Entry extends InFlightEntry {
  readonly publish: IncomingPublish;
  readonly call: AdmittedCall;
  /** Cancels the call. */
  readonly cancellation: Cancellation;
}

/**
 * Admission control for publishes. A call is in flight from its arrival to its response, also while it waits for a slot,
 * the API server, an object or an approval. A call over a limit is rejected at once.
 *
 * 1. A pod has a fixed limit, however idle the node is.
 * 2. A namespace can use all capacity that no other namespace wants.
 * 3. At capacity, a call preempts a waiting call of the namespace with the most usage, if its own namespace has less.
 *    Within a namespace the same holds between pods. The kubelet retries a preempted call, and unpublishes its volume
 *    in any case.
 *
 * Calls that remove something bypass admission.
 */
export class PublishAdmission {
  readonly #limits: AdmissionLimits;
  readonly #observer: LimitObserver;
  readonly #usage = new InFlightUsage<Entry>();
  readonly #slots: FairSemaphore;

  constructor(limits: AdmissionLimits, observer: LimitObserver) {
    this.#limits = limits;
    this.#observer = observer;
    this.#slots = new FairSemaphore({ permits: limits.running });
  }

  /** Units in flight. */
  get inFlight(): number {
    return this.#usage.units;
  }

  /** Number of calls that wait for a slot. */
  get queueLength(): number {
    return this.#slots.waiting;
  }

  /**
   * Admits a call and runs `work`.
   * @param signal the caller's.
   * @throws {CodedError} RESOURCE_EXHAUSTED before any work if the call is over a limit, or later if it is preempted;
   * errors of `work`.
   */
  async run<T>(publish: IncomingPublish, signal: AbortSignal, work: (call: AdmittedCall) => Promise<T>): Promise<T> {
    const cancellation = new Cancellation(signal);
    const entry = this.#admit(publish, cancellation);
    try {
      return await work(entry.call);
    } finally {
      cancellation.release();
      this.#usage.delete(entry);
    }
  }

  /**
   * Returns a call for the driver's own work, which is limited elsewhere. It needs a slot but does not count as in
   * flight.
   */
  backgroundCall(owner: FlowKey, abortHandle: AbortHandle): AdmittedCall {
    return new AdmittedCall(owner, abortHandle, this.#slots, { isBackground: true });
  }

  #admit(publish: IncomingPublish, cancellation: Cancellation): Entry {
    const { owner } = publish;
    const { inFlight, perPod } = this.#limits;
    const units = Math.min(unitsOf(publish.sizeBytes), perPod, inFlight);
    const ofPod = this.#usage.ofPod(owner);
    // A request that alone exceeds a share is admitted, but only one at a time.
    if (ofPod > 0 && ofPod + units > perPod) throw this.#rejection('pod', publish);
    while (this.#usage.units + units > inFlight) {
      const preempted = this.#usage.findPreemptible(owner, units);
      if (preempted === undefined) throw this.#rejection(this.#usage.namespaces > 1 ? 'namespace' : 'node', publish);
      this.#preempt(preempted);
    }
    const call = new AdmittedCall(owner, cancellation, this.#slots);
    const isPreemptible = (): boolean => !call.hasSlot;
    const entry: Entry = { publish, owner, units, call, cancellation, isPreemptible };
    this.#usage.add(entry);
    return entry;
  }

  #preempt(entry: Entry): void {
    const why = `${this.#useOf(entry.publish)}; this one was ended because others have less; the kubelet will retry`;
    this.#usage.delete(entry);
    entry.cancellation.abort(new CodedError('RESOURCE_EXHAUSTED', why));
    this.#observer.rejected('publishes', 'preempted', entry.publish.pod);
  }

  #rejection(scope: Exclude<RejectionScope, 'preempted'>, publish: IncomingPublish): CodedError {
    this.#observer.rejected('publishes', scope, publish.pod);
    const { inFlight, perPod } = this.#limits;
    const why: Readonly<Record<typeof scope, string>> = {
      pod: `pod ${publish.pod} has ${this.#usage.ofPod(publish.owner)} publishes in flight on this node already, and the limit of one pod is ${perPod}`,
      namespace: `${this.#useOf(publish)}, its share`,
      node: `this node has ${this.#usage.units} publishes in flight already, and its limit is ${inFlight}`,
    };
    return new CodedError('RESOURCE_EXHAUSTED', `${why[scope]}; the kubelet will retry`);
  }

  #useOf({ owner }: IncomingPublish): string {
    const whose = owner.namespace === '' ? 'pods of an unknown namespace have' : `namespace ${owner.namespace} has`;
    return `${whose} ${this.#usage.ofNamespace(owner)} of the ${this.#limits.inFlight} publishes that this node takes at once`;
  }
}
