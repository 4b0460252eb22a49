import { CodedError, throwIfAborted } from '../../shared/errors.ts';
import { Counts } from '../../shared/limits/counts.ts';
import { driverLimits } from '../limits.ts';
import { FairSemaphore } from '../../shared/limits/fair-semaphore.ts';
import type { Owner } from '../../shared/limits/owner.ts';
import type { LimitObserver, RejectionScope } from '../../shared/limits/limit-observer.ts';
import { SharedQuota } from '../../shared/limits/shared-quota.ts';
import { TokenBuckets } from '../../shared/limits/token-bucket.ts';
import type { PublishSlot } from './ports.ts';

/** See `driverLimits.publishes`. */
interface AdmissionLimits {
  readonly inFlight: number;
  readonly perPod: number;
  readonly running: number;
}

/** The owner of a slot. */
export type SlotOwner = Pick<PublishSlot, 'owner' | 'isBackground'>;

/** A publish before its request is parsed. */
export interface IncomingPublish extends SlotOwner {
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
   * @throws {CodedError} RESOURCE_EXHAUSTED before any work if the call is over a limit; errors of `work`.
   */
  async run<T>(publish: IncomingPublish, work: () => Promise<T>): Promise<T> {
    const release = this.#acquire(publish);
    try {
      const result = await work();
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
   * Acquires a slot and runs `work`, which can release the slot during a wait. The driver's own refreshes need a slot, too,
   * and are limited elsewhere.
   * @throws {CodedError} RESOURCE_EXHAUSTED if the deadline passes before a slot is free; the signal's reason.
   */
  async runInSlot<T>(owner: SlotOwner, signal: AbortSignal, work: (slot: PublishSlot) => Promise<T>): Promise<T> {
    const slot = new HeldSlot(this.#slots, owner, signal);
    await slot.acquire('new');
    try {
      throwIfAborted(signal);
      return await work(slot);
    } finally {
      slot.end();
    }
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

/** The slot of a running publish. */
class HeldSlot implements PublishSlot {
  readonly owner: Owner;
  readonly isBackground: boolean;
  readonly signal: AbortSignal;
  readonly #slots: FairSemaphore;
  /** Undefined while the slot is released. */
  #release: (() => void) | undefined;
  /** Waits in progress. */
  #waits = 0;
  #isOver = false;

  constructor(slots: FairSemaphore, { owner, isBackground = false }: SlotOwner, signal: AbortSignal) {
    this.#slots = slots;
    this.owner = owner;
    this.isBackground = isBackground;
    this.signal = signal;
  }

  /** @param kind a resuming publish holds results, so it does not wait behind all new ones. */
  async acquire(kind: 'new' | 'resuming'): Promise<void> {
    throwIfAborted(this.signal);
    try {
      const release = await this.#slots.acquire(this.owner, this.signal, kind);
      // Another wait of the publish can end it meanwhile, or acquire a slot first.
      if (this.#isOver || this.#release !== undefined) release();
      else this.#release = release;
    } catch (error) {
      // A deadline that passes in the queue is reported as overload. A cancelled publish keeps its own reason.
      if (!(error instanceof CodedError) || error.code !== 'DEADLINE_EXCEEDED') throw error;
      const { running, waiting } = this.#slots;
      const message = `too many publishes at once on this node (${running} running, ${waiting} waiting); the kubelet will retry`;
      throw new CodedError('RESOURCE_EXHAUSTED', message, { cause: error });
    }
  }

  /** Waits can overlap: the first releases the slot, the last acquires it again. */
  async releaseWhile<T>(wait: () => Promise<T>): Promise<T> {
    this.#releaseSlot();
    this.#waits += 1;
    const result = await wait().finally(() => (this.#waits -= 1));
    if (this.#waits === 0) await this.acquire('resuming');
    return result;
  }

  end(): void {
    this.#isOver = true;
    this.#releaseSlot();
  }

  #releaseSlot(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
