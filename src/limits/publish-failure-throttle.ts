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

/** A publish that has been read. */
export interface PublishAttempt {
  readonly volumeId: string;
  /** Empty where nobody knows whose it is: such calls are not slowed down. */
  readonly podUid: string;
  /** How messages call the pod, and what the request holds in memory: see IncomingPublish. */
  readonly pod: string;
  readonly sizeBytes: number;
  /** Whether a volume is there that runs out of its token while its refresh is held. */
  readonly isMounted: () => boolean;
}

interface HeldCall {
  readonly volumeId: string;
  readonly units: number;
  /** @param reason fails the call; without it the call goes on. */
  readonly end: (reason?: CodedError) => void;
}

/**
 * Slows down who fails again and again. A kubelet comes back half a second after a failure, for each volume of a pod by
 * itself, with three connections and with questions to the API server: hundreds of volumes that cannot succeed would cost
 * what no bound of the driver's counts. So failures of one pod beyond a few are answered one after the other, and what the
 * pod asks for until then is held before any work is done for it: some are tried in their turn, those beyond that are
 * answered after some time, in no order, without having been tried. Neither a lock nor a place is held meanwhile, only the
 * call.
 */
export class PublishFailureThrottle {
  readonly #options: PublishFailureThrottleOptions;
  /** By pod, the failures that it may have. */
  readonly #buckets = new BoundedMap<string, TokenBucket>(limits.failures.pods);
  readonly #held = new Set<HeldCall>();
  #units = 0;
  #isStopped = false;

  constructor(options: PublishFailureThrottleOptions) {
    this.#options = options;
  }

  /** In units, see `limits.calls`. */
  get use(): LimitUsage {
    return { used: this.#units, limit: limits.failures.units };
  }

  /**
   * @param signal the caller's.
   * @throws {CodedError} what `attempt` throws; RESOURCE_EXHAUSTED, or the signal's reason, where it was not tried.
   */
  async run<T>(call: PublishAttempt, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    if (this.#isSlow(call.podUid) && !call.isMounted()) {
      await this.#untilTurn(call, signal);
      const result = await attempt();
      this.#giveBack(call.podUid);
      return result;
    }
    try {
      return await attempt();
    } catch (error) {
      await this.#hold(call, this.#delayMs(call.podUid) ?? this.#longDelayMs(), signal);
      throw error;
    }
  }

  /** Fails the delayed calls of a volume that is being unpublished (ABORTED): they must not mount it again. */
  cancel(volumeId: string): void {
    const reason = new CodedError('ABORTED', 'the volume is being unpublished');
    for (const held of [...this.#held]) if (held.volumeId === volumeId) held.end(reason);
  }

  /** Nobody is held any more. */
  stop(): void {
    this.#isStopped = true;
    for (const { end } of [...this.#held]) end();
  }

  /** Whether another failure would be answered later. */
  #isSlow(podUid: string): boolean {
    return (this.#buckets.get(podUid)?.delayMs(1) ?? 0) > 0;
  }

  async #untilTurn(call: PublishAttempt, signal: AbortSignal): Promise<void> {
    const delayMs = this.#delayMs(call.podUid);
    const wasHeld = await this.#hold(call, delayMs ?? this.#longDelayMs(), signal);
    throwIfAborted(signal);
    if (delayMs !== undefined && wasHeld && !this.#isStopped) return;
    this.#options.observer.refused('publishes', 'pod', call.pod);
    const { burst, everyMs } = limits.failures;
    throw new CodedError(
      'RESOURCE_EXHAUSTED',
      `more than ${burst} publishes of pod ${call.pod} failed on this node lately, and this one was not tried: the driver tries ${1000 / everyMs} a second of such a pod, see the other volumes' failures; the kubelet tries again`,
    );
  }

  /**
   * Waits until the time is over, the signal aborts, or the driver stops. @returns false when there is no room to.
   * @throws {CodedError} ABORTED when the volume is unpublished meanwhile.
   */
  async #hold({ volumeId, sizeBytes }: PublishAttempt, delayMs: number, signal: AbortSignal): Promise<boolean> {
    const units = unitsOf(sizeBytes);
    if (delayMs <= 0 || signal.aborted) return true;
    if (this.#isStopped || this.#units + units > limits.failures.units) return false;
    await new Promise<void>((resolve, reject) => {
      const end = (reason?: CodedError): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', goOn);
        if (this.#held.delete(held)) this.#units -= units;
        if (reason === undefined) resolve();
        else reject(reason);
      };
      const goOn = (): void => end();
      const held: HeldCall = { volumeId, units, end };
      const timer = setTimeout(goOn, delayMs);
      signal.addEventListener('abort', goOn, { once: true });
      this.#held.add(held);
      this.#units += units;
    });
    return true;
  }

  /** Takes the next turn of a pod's. @returns how long it is until then; undefined when that is too long. */
  #delayMs(podUid: string): number | undefined {
    // Whose it is nobody knows.
    if (podUid === '') return 0;
    const bucket = this.#buckets.get(podUid) ?? new TokenBucket(limits.failures, this.#options.now);
    const delayMs = bucket.delayMs(1);
    if (delayMs > limits.failures.longestMs) return undefined;
    bucket.consume(1);
    this.#buckets.set(podUid, bucket);
    return delayMs;
  }

  /** Not the same for all: they would come back together. */
  #longDelayMs(): number {
    return (limits.failures.longestMs * (1 + this.#options.random())) / 2;
  }

  /** What succeeded is no failure. */
  #giveBack(podUid: string): void {
    this.#buckets.get(podUid)?.giveBack(1);
  }
}
