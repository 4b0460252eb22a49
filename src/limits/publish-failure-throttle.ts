import { BoundedMap } from './bounded-map.js';
import { limits } from './defaults.js';
import type { LimitUsage, LimitObserver } from './limit-observer.js';
import { TokenBucket } from './token-bucket.js';
import { unitsOf } from './call-units.js';
import { CodedError, throwIfAborted } from '../errors.js';

export interface PublishFailureThrottleOptions {
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  readonly random: () => number;
  readonly observer: LimitObserver;
}

/** A publish, as identified before its request is parsed. */
export interface PublishAttempt {
  readonly volumeId: string;
  /** Empty if unknown. Such calls are not throttled. */
  readonly podUid: string;
  /** The pod in messages, and the memory of the request; see IncomingPublish. */
  readonly pod: string;
  readonly sizeBytes: number;
  /** Whether the volume is mounted, so that a delay of its refresh could let its token expire. */
  readonly isMounted: () => boolean;
}

interface DelayedCall {
  readonly volumeId: string;
  readonly units: number;
  /** Ends the delay. @param reason fails the call; without it the call continues. */
  readonly end: (reason?: CodedError) => void;
}

/**
 * Throttles pods whose publishes keep failing. The kubelet retries every failed volume half a second later, with three
 * connections and requests to the API server, which no other limit covers.
 *
 * The first failures of a pod are answered at once, further ones at a fixed rate (`limits.failedPublishes`). While a pod
 * exceeds that rate, its calls are delayed before any work is done. Calls within the rate are then attempted; the
 * others are rejected without an attempt, after a random delay. Mounted volumes are always attempted. A delayed call
 * has no lock and no slot.
 */
export class PublishFailureThrottle {
  readonly #options: PublishFailureThrottleOptions;
  /** Budget of failures per pod. */
  readonly #buckets = new BoundedMap<string, TokenBucket>(limits.failedPublishes.pods);
  readonly #delayed = new Set<DelayedCall>();
  #units = 0;
  #isStopped = false;

  constructor(options: PublishFailureThrottleOptions) {
    this.#options = options;
  }

  /** Usage in units; see `limits.publishes`. */
  get use(): LimitUsage {
    return { used: this.#units, limit: limits.failedPublishes.units };
  }

  /**
   * Runs `attempt`, after a delay if the pod exceeds its rate of failures.
   * @param signal the caller's.
   * @throws {CodedError} errors of `attempt`; RESOURCE_EXHAUSTED or the signal's reason if it was not attempted.
   */
  async run<T>(call: PublishAttempt, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    if (this.#isThrottled(call.podUid) && !call.isMounted()) {
      await this.#waitForAttempt(call, signal);
      const result = await attempt();
      this.#refund(call.podUid);
      return result;
    }
    try {
      return await attempt();
    } catch (error) {
      await this.#delay(call, this.#delayMs(call.podUid) ?? this.#longDelayMs(), signal);
      throw error;
    }
  }

  /** Fails the delayed calls of a volume that is being unpublished (ABORTED): they must not mount it again. */
  cancel(volumeId: string): void {
    const reason = new CodedError('ABORTED', 'the volume is being unpublished');
    for (const delayed of [...this.#delayed]) if (delayed.volumeId === volumeId) delayed.end(reason);
  }

  /** Releases all delayed calls. */
  stop(): void {
    this.#isStopped = true;
    for (const { end } of [...this.#delayed]) end();
  }

  /** Reports whether the response to another failure would be delayed. */
  #isThrottled(podUid: string): boolean {
    return (this.#buckets.get(podUid)?.delayMs(1) ?? 0) > 0;
  }

  async #waitForAttempt(call: PublishAttempt, signal: AbortSignal): Promise<void> {
    const delayMs = this.#delayMs(call.podUid);
    const wasDelayed = await this.#delay(call, delayMs ?? this.#longDelayMs(), signal);
    throwIfAborted(signal);
    if (delayMs !== undefined && wasDelayed && !this.#isStopped) return;
    this.#options.observer.rejected('publishes', 'pod', call.pod);
    const { burst, everyMs } = limits.failedPublishes;
    throw new CodedError(
      'RESOURCE_EXHAUSTED',
      `more than ${burst} publishes of pod ${call.pod} failed on this node lately, and this one was not tried: the driver tries ${1000 / everyMs} a second of such a pod; fix the cause that the pod's other failures name; the kubelet will retry`,
    );
  }

  /**
   * Waits until the delay is over, the signal aborts, or the driver stops.
   * @returns false if the call cannot be delayed: too many are, or the driver has stopped.
   * @throws {CodedError} ABORTED if the volume is unpublished meanwhile.
   */
  async #delay({ volumeId, sizeBytes }: PublishAttempt, delayMs: number, signal: AbortSignal): Promise<boolean> {
    const units = unitsOf(sizeBytes);
    if (delayMs <= 0 || signal.aborted) return true;
    if (this.#isStopped || this.#units + units > limits.failedPublishes.units) return false;
    await new Promise<void>((resolve, reject) => {
      const end = (reason?: CodedError): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', proceed);
        if (this.#delayed.delete(delayed)) this.#units -= units;
        if (reason === undefined) resolve();
        else reject(reason);
      };
      const proceed = (): void => end();
      const delayed: DelayedCall = { volumeId, units, end };
      const timer = setTimeout(proceed, delayMs);
      signal.addEventListener('abort', proceed, { once: true });
      this.#delayed.add(delayed);
      this.#units += units;
    });
    return true;
  }

  /** Reserves the pod's next attempt. @returns the delay until then; undefined if it is too long. */
  #delayMs(podUid: string): number | undefined {
    // The pod is unknown.
    if (podUid === '') return 0;
    const bucket = this.#buckets.get(podUid) ?? new TokenBucket(limits.failedPublishes, this.#options.now);
    const delayMs = bucket.delayMs(1);
    if (delayMs > limits.failedPublishes.longestMs) return undefined;
    bucket.consume(1);
    this.#buckets.set(podUid, bucket);
    return delayMs;
  }

  /** Returns a random delay, so that rejected calls are not retried together. */
  #longDelayMs(): number {
    return (limits.failedPublishes.longestMs * (1 + this.#options.random())) / 2;
  }

  /** Refunds the reserved attempt of a call that succeeded. */
  #refund(podUid: string): void {
    this.#buckets.get(podUid)?.refund(1);
  }
}
