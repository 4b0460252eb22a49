import { limits } from './limits.js';
import type { BoundUse } from './load-observer.js';
import { unitsOf } from './call-units.js';

export interface FailurePaceOptions {
  /** A clock in milliseconds that is never set. */
  readonly now: () => number;
  readonly random: () => number;
}

/** Who failed, see AskingCall. */
export interface FailedCall {
  readonly podUid: string;
  readonly sizeBytes: number;
}

interface HeldCall {
  readonly units: number;
  readonly end: () => void;
}

/**
 * Slows down who fails again and again. A kubelet comes back half a second after a failure, for each volume of a pod by
 * itself, with three connections: hundreds of volumes that cannot succeed would cost what no bound of the driver's counts.
 * So failures of one pod beyond a few are answered later, one after the other, and those beyond that after some time, in
 * no order. They have left everything else by then: neither a lock nor a place is held, only the call.
 */
export class FailurePace {
  readonly #options: FailurePaceOptions;
  /** By pod, from when on its failures would be within its pace again (the time of arrival of GCRA). */
  readonly #dueMs = new Map<string, number>();
  readonly #held = new Set<HeldCall>();
  #units = 0;
  #isStopped = false;

  constructor(options: FailurePaceOptions) {
    this.#options = options;
  }

  /** In units, see `limits.calls`. */
  get use(): BoundUse {
    return { used: this.#units, limit: limits.failures.units };
  }

  /** Waits until the failure may be answered, at most until the signal aborts. Never rejects. */
  async hold({ podUid, sizeBytes }: FailedCall, signal: AbortSignal): Promise<void> {
    const delayMs = this.#delayMs(podUid);
    const units = unitsOf(sizeBytes);
    if (delayMs <= 0 || signal.aborted || this.#isStopped || this.#units + units > limits.failures.units) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        if (this.#held.delete(held)) this.#units -= units;
        resolve();
      };
      const held = { units, end };
      const timer = setTimeout(end, delayMs);
      signal.addEventListener('abort', end, { once: true });
      this.#held.add(held);
      this.#units += units;
    });
  }

  /** Nobody is held any more. */
  stop(): void {
    this.#isStopped = true;
    for (const { end } of [...this.#held]) end();
  }

  #delayMs(podUid: string): number {
    const { burst, everyMs, longestMs, pods } = limits.failures;
    // Whose it is nobody knows.
    if (podUid === '') return 0;
    const nowMs = this.#options.now();
    const dueMs = Math.max(this.#dueMs.get(podUid) ?? 0, nowMs) + everyMs;
    const delayMs = dueMs - nowMs - burst * everyMs;
    if (delayMs > longestMs) return (longestMs * (1 + this.#options.random())) / 2;
    this.#dueMs.delete(podUid);
    this.#dueMs.set(podUid, dueMs);
    if (this.#dueMs.size > pods) this.#dueMs.delete(this.#dueMs.keys().next().value ?? '');
    return delayMs;
  }
}
