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

/** In units, see `limits.calls`. */
export interface AdmissionLimits {
  readonly inFlight: number;
  readonly perPod: number;
  /** Calls, not units. */
  readonly atWork: number;
}

/** What is known of a call before it is read. */
export interface IncomingPublish {
  readonly owner: FlowKey;
  /** How messages call the pod: `NAMESPACE/NAME`. */
  readonly pod: string;
  /** What its request holds in memory. */
  readonly sizeBytes: number;
}

interface Entry extends InFlightEntry {
  readonly asking: IncomingPublish;
  readonly call: AdmittedCall;
  /** Ends the call. */
  readonly cancellation: Cancellation;
}

/**
 * Lets calls in, and refuses at once what is too much. A call counts from the moment that it comes until it is answered,
 * so what waits (for a place, the API server, an object, an approval) is bounded too.
 *
 * 1. A pod has no more in flight than a share that is the same for all, whoever else is there.
 * 2. As long as there is room, everybody gets in: a namespace may take all that no other one wants.
 * 3. When there is none, a call of a namespace that has less than another one displaces one of that namespace's which
 *    waits; so does, within a namespace, a call of a pod that has less than another pod. What is displaced is tried again
 *    by the kubelet, which calls unpublish for it in any case.
 *
 * Calls of the driver that take something away never ask.
 */
export class PublishAdmission {
  readonly #limits: AdmissionLimits;
  readonly #observer: LimitObserver;
  readonly #shares = new InFlightUsage<Entry>();
  readonly #slots: FairSemaphore;

  constructor(limits: AdmissionLimits, observer: LimitObserver) {
    this.#limits = limits;
    this.#observer = observer;
    this.#slots = new FairSemaphore({ permits: limits.atWork });
  }

  /** Units in use. */
  get inFlight(): number {
    return this.#shares.units;
  }

  get atWork(): number {
    return this.#slots.running;
  }

  /** Calls that could go on if there were a slot. */
  get queueLength(): number {
    return this.#slots.waiting;
  }

  /**
   * @param signal the caller's.
   * @throws {CodedError} RESOURCE_EXHAUSTED, before anything else is done, where the call is one too many; what `work`
   * throws, which includes RESOURCE_EXHAUSTED when the call was ended for others.
   */
  async run<T>(asking: IncomingPublish, signal: AbortSignal, work: (call: AdmittedCall) => Promise<T>): Promise<T> {
    const cancellation = new Cancellation(signal);
    const entry = this.#enter(asking, cancellation);
    try {
      return await work(entry.call);
    } finally {
      cancellation.release();
      this.#shares.delete(entry);
    }
  }

  /** For what the driver does by itself, whose number it bounds itself: it waits for a slot like the others. */
  uncounted(owner: FlowKey, wanted: AbortHandle): AdmittedCall {
    return new AdmittedCall(owner, wanted, this.#slots, { isUnasked: true });
  }

  #enter(asking: IncomingPublish, cancellation: Cancellation): Entry {
    const { owner } = asking;
    const { inFlight, perPod } = this.#limits;
    const units = Math.min(unitsOf(asking.sizeBytes), perPod, inFlight);
    const ofPod = this.#shares.ofPod(owner);
    // A request that alone is more than a share can get in all the same, one at a time.
    if (ofPod > 0 && ofPod + units > perPod) throw this.#refusal('pod', asking);
    while (this.#shares.units + units > inFlight) {
      const displaced = this.#shares.displaceableFor(owner, units);
      if (displaced === undefined) throw this.#refusal(this.#shares.namespaces > 1 ? 'namespace' : 'node', asking);
      this.#displace(displaced);
    }
    const call = new AdmittedCall(owner, cancellation, this.#slots);
    const entry: Entry = {
      ...{ asking, owner, units, call, cancellation },
      get isDisplaceable() {
        return !call.isAtWork;
      },
    };
    this.#shares.add(entry);
    return entry;
  }

  #displace(entry: Entry): void {
    const why = `${this.#useOf(entry.asking)}; this one was ended because others have less; the kubelet tries again`;
    this.#shares.delete(entry);
    entry.cancellation.abort(new CodedError('RESOURCE_EXHAUSTED', why));
    this.#observer.refused('publishes', 'preempted', entry.asking.pod);
  }

  #refusal(share: Exclude<RejectionScope, 'preempted'>, asking: IncomingPublish): CodedError {
    this.#observer.refused('publishes', share, asking.pod);
    const { inFlight, perPod } = this.#limits;
    const why: Readonly<Record<typeof share, string>> = {
      pod: `pod ${asking.pod} has ${this.#shares.ofPod(asking.owner)} publishes under way on this node already, and one pod may have ${perPod}`,
      namespace: `${this.#useOf(asking)}, its share`,
      node: `this node has ${this.#shares.units} publishes under way already, and may have ${inFlight}`,
    };
    return new CodedError('RESOURCE_EXHAUSTED', `${why[share]}; the kubelet tries again`);
  }

  #useOf({ owner }: IncomingPublish): string {
    const whose = owner.namespace === '' ? 'pods of an unknown namespace have' : `namespace ${owner.namespace} has`;
    return `${whose} ${this.#shares.ofNamespace(owner)} of the ${this.#limits.inFlight} publishes that this node takes at once`;
  }
}
