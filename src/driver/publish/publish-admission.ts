import { CodedError, throwIfAborted } from '../../shared/errors.ts';
import { Counts } from '../../shared/limits/counts.ts';
import { driverLimits } from '../limits.ts';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import type { Owner } from '../../shared/limits/owner.ts';
import type { LimitObserver, RejectionScope } from '../../shared/limits/limit-observer.ts';
import { SharedQuota } from '../../shared/limits/shared-quota.ts';
import { TokenBuckets } from '../../shared/limits/token-buckets.ts';
import type { PublishContext } from './ports.ts';

/** See `driverLimits.publishes`. */
interface AdmissionLimits {
  readonly inFlight: number;
  readonly perPod: number;
  readonly running: number;
}

/** A publish before its request is parsed. */
export interface IncomingPublish {
  readonly owner: Owner;
  /** Name of the pod in messages: `NAMESPACE/NAME`. */
  readonly pod: string;
  /** Whether the volume is mounted, so that its token could expire without the publish. */
  readonly isMounted: boolean;
  /** Reserves the memory of the call. @returns releases it. @throws {CodedError} RESOURCE_EXHAUSTED. */
  readonly acquireMemory: () => () => void;
}

/**
 * Admission control for publishes. A call is in flight from its arrival to its response, also while it waits for a slot,
 * the API server, an object or an approval. A call over a limit is rejected at once: a pod has a fixed limit, a
 * namespace a share of what the others leave, and both a share of the memory. Failures of one pod are rate-limited.
 *
 * Calls that remove something bypass admission.
 */
export class PublishAdmission {
  readonly #limits: AdmissionLimits;
  readonly #observer: LimitObserver;
  /** Budget of failures per pod. */
  readonly #failures: TokenBuckets;
  readonly #ofPods = new Counts();
  readonly #ofNamespaces: SharedQuota;
  readonly #slots: FairSemaphore;

  /** @param now a monotonic clock in milliseconds. */
  constructor(admissionLimits: AdmissionLimits, observer: LimitObserver, now: () => number) {
    this.#failures = new TokenBuckets(driverLimits.failedPublishes, now);
    this.#limits = admissionLimits;
    this.#observer = observer;
    this.#ofNamespaces = new SharedQuota(admissionLimits.inFlight, driverLimits.publishes.namespaceShare);
    this.#slots = new FairSemaphore({ permits: admissionLimits.running });
  }

  get inFlight(): number {
    return this.#ofNamespaces.used;
  }

  /** Number of calls that wait for a slot. */
  get queueLength(): number {
    return this.#slots.waiting;
  }

  /**
   * Admits a call and runs `work`, whose failure can be thrown or returned.
   * @param signal the caller's.
   * @throws {CodedError} RESOURCE_EXHAUSTED before any work if the call is over a limit; errors of `work`.
   */
  async run<T>(publish: IncomingPublish, signal: AbortSignal, work: (permit: PublishPermit) => Promise<T>): Promise<T> {
    const release = this.#acquire(publish);
    try {
      const result = await work(new PublishPermit(publish.owner, signal, this.#slots));
      if (result instanceof CodedError) this.#failed(publish, result);
      return result;
    } catch (error) {
      this.#failed(publish, error);
      throw error;
    } finally {
      release();
    }
  }

  /**
   * Returns a call for the driver's own work, which is limited elsewhere. It needs a slot but does not count as in
   * flight.
   */
  backgroundCall(owner: Owner, signal: AbortSignal): PublishPermit {
    return new PublishPermit(owner, signal, this.#slots, true);
  }

  #failed({ owner: { podUid } }: IncomingPublish, error: unknown): void {
    if (isOfCaller(error)) return;
    this.#failures.of(podUid).charge(1);
  }

  #acquire(publish: IncomingPublish): () => void {
    const { namespace, podUid } = publish.owner;
    if (!publish.isMounted && this.#failures.of(podUid).delayMs(1) > 0) {
      throw this.#rejection('pod', publish, failuresText(publish));
    }
    if (this.#ofPods.of(podUid) >= this.#limits.perPod) throw this.#rejection('pod', publish);
    if (!this.#ofNamespaces.canAcquire(namespace)) {
      throw this.#rejection(this.inFlight >= this.#limits.inFlight ? 'node' : 'namespace', publish);
    }
    const releaseMemory = publish.acquireMemory();
    this.#ofPods.add(podUid);
    this.#ofNamespaces.acquire(namespace);
    return () => {
      this.#ofPods.subtract(podUid);
      this.#ofNamespaces.release(namespace);
      releaseMemory();
    };
  }

  #rejection(scope: RejectionScope, { owner, pod }: IncomingPublish, text?: string): CodedError {
    this.#observer.rejected('publishes', scope, pod);
    const { inFlight, perPod } = this.#limits;
    const whose = owner.namespace === '' ? 'pods of an unknown namespace have' : `namespace ${owner.namespace} has`;
    const why: Readonly<Record<RejectionScope, string>> = {
      pod: `pod ${pod} has ${perPod} publishes in flight on this node already, and the limit of one pod is ${perPod}`,
      namespace: `${whose} ${this.#ofNamespaces.usedBy(owner.namespace)} of the ${inFlight} publishes that this node takes at once, its share`,
      node: `this node has ${this.inFlight} publishes in flight already, and its limit is ${inFlight}`,
    };
    return new CodedError('RESOURCE_EXHAUSTED', `${text ?? why[scope]}; the kubelet will retry`);
  }
}

/** Reports whether a call ended because of its caller, or of another call. */
function isOfCaller(error: unknown): boolean {
  return error instanceof CodedError && (error.code === 'CANCELLED' || error.code === 'ABORTED');
}

function failuresText({ pod }: IncomingPublish): string {
  const { burst, everyMs } = driverLimits.failedPublishes;
  return `more than ${burst} publishes of pod ${pod} failed on this node lately, and this one was not tried: the driver tries ${1000 / everyMs} a second of such a pod; fix the cause that the pod's other failures name`;
}

/** An admitted publish. It has a slot only while it runs, and releases it while it waits. */
export class PublishPermit {
  readonly owner: Owner;
  readonly isBackground: boolean;
  /** Aborts when the caller cancels. */
  readonly signal: AbortSignal;
  readonly #slots: FairSemaphore;
  /** Releases the slot that the call has. */
  #release: (() => void) | undefined;
  /** Waits in progress. */
  #waits = 0;
  #isOver = false;

  /** @param isBackground as in `PublishContext`. */
  constructor(owner: Owner, signal: AbortSignal, slots: FairSemaphore, isBackground = false) {
    this.owner = owner;
    this.signal = signal;
    this.#slots = slots;
    this.isBackground = isBackground;
  }

  /**
   * Acquires a slot and runs `work`, which can release the slot with `call.releaseSlotWhile`.
   * @param signal the call's own or a narrower one.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the deadline passes before a slot is free; the signal's reason.
   */
  async runInSlot<T>(signal: AbortSignal, work: (call: PublishContext) => Promise<T>): Promise<T> {
    this.#release = await this.#acquire(signal, 'new');
    try {
      throwIfAborted(signal);
      const { owner, isBackground } = this;
      const releaseSlotWhile: PublishContext['releaseSlotWhile'] = (wait) => this.#releaseSlotWhile(signal, wait);
      return await work({ owner, isBackground, signal, releaseSlotWhile });
    } finally {
      this.#isOver = true;
      this.#releaseSlot();
    }
  }

  /** @param kind a resuming call holds results, so it does not wait behind all new ones. */
  async #acquire(signal: AbortSignal, kind: 'new' | 'resuming'): Promise<() => void> {
    throwIfAborted(signal);
    try {
      return await this.#slots.acquire(this.owner, signal, kind);
    } catch (error) {
      // A deadline that passes in the queue is reported as overload. A cancelled call keeps its own reason.
      if (!(error instanceof CodedError) || error.code !== 'DEADLINE_EXCEEDED') throw error;
      const { running, waiting } = this.#slots;
      throw new CodedError(
        'RESOURCE_EXHAUSTED',
        `too many publishes at once on this node (${running} running, ${waiting} waiting); the kubelet will retry`,
        { cause: error },
      );
    }
  }

  /** Releases the slot during a wait. Waits can overlap: the first releases the slot, the last acquires it again. */
  async #releaseSlotWhile<T>(signal: AbortSignal, wait: () => Promise<T>): Promise<T> {
    this.#releaseSlot();
    this.#waits += 1;
    const result = await wait().finally(() => (this.#waits -= 1));
    if (this.#waits === 0) await this.#resume(signal);
    return result;
  }

  async #resume(signal: AbortSignal): Promise<void> {
    const release = await this.#acquire(signal, 'resuming');
    // Another wait of the call can end it meanwhile, or acquire a slot first.
    if (this.#isOver || this.#release !== undefined) release();
    else this.#release = release;
  }

  #releaseSlot(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
