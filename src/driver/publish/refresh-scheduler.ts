import { Counts } from '../../shared/limits/counts.js';
import type { FlowKey } from '../../shared/limits/flow-key.js';
import { FairQueue } from '../../shared/limits/fair-queue.js';
import { TokenBucket } from '../../shared/limits/token-bucket.js';
import { driverLimits } from '../limits.js';

/** A refresh of the driver's own that is queued or in flight. */
export interface ScheduledRefresh {
  readonly targetPath: string;
  readonly owner: FlowKey;
}

/**
 * Schedules the driver's own refreshes: fair queueing by namespace, then by pod, by their work in the main thread. A
 * budget limits this work in total. Refreshes in flight, which mostly wait for a render in a thread or for the API
 * server, are limited in total and per namespace.
 */
export class RefreshScheduler {
  readonly #queue = new FairQueue<ScheduledRefresh>();
  readonly #budget: TokenBucket;
  readonly #inFlightOf = new Counts();
  #inFlight = 0;

  /** @param now a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#budget = new TokenBucket(driverLimits.refreshes.work, now);
  }

  add(refresh: ScheduledRefresh): void {
    this.#queue.add(pathOf(refresh), refresh);
  }

  /** Starts the next refresh; `end` must follow. Undefined if none is queued, or none can start. */
  next(): ScheduledRefresh | undefined {
    const { inFlight, namespaceShare, overheadMs } = driverLimits.refreshes;
    if (this.#inFlight >= inFlight || this.#budget.delayMs(1) > 0) return undefined;
    const refresh = this.#queue.dequeue((namespace) => this.#inFlightOf.of(namespace) < inFlight * namespaceShare);
    if (refresh === undefined) return undefined;
    this.#inFlight += 1;
    this.#inFlightOf.add(refresh.owner.namespace);
    // Charged before it ends, so that the next one is another namespace's.
    this.#queue.charge(pathOf(refresh), overheadMs);
    return refresh;
  }

  /** Ends a refresh. @param workMs milliseconds of work in the main thread. */
  end(refresh: ScheduledRefresh, workMs: number): void {
    this.#inFlight -= 1;
    this.#inFlightOf.subtract(refresh.owner.namespace);
    this.#queue.charge(pathOf(refresh), workMs);
    this.#budget.charge(driverLimits.refreshes.overheadMs + workMs);
    if (this.#inFlight === 0 && this.#queue.length === 0) this.#queue.reset();
  }

  /** Milliseconds until the next one can start; Infinity if that depends on the end of another, or none is queued. */
  get waitMs(): number {
    const waitMs = this.#budget.delayMs(1);
    return this.#queue.length === 0 || waitMs === 0 ? Infinity : waitMs;
  }
}

function pathOf({ owner }: ScheduledRefresh): readonly string[] {
  return [owner.namespace, owner.podUid];
}
