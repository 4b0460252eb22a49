import { CodedError } from '../errors.js';
import type { FlowKey } from '../limits/flow-key.js';
import { FairSemaphore } from '../limits/fair-semaphore.js';
import { limits } from '../limits/defaults.js';
import type { LimitUsage, LimitObserver } from '../limits/limit-observer.js';

/** What the driver asks on its own account. */
export const driverItself: FlowKey = { namespace: '', podUid: '' };

export interface ApiRequestLimits {
  /** Requests that are under way at once; watches count until they are open. */
  readonly inFlight: number;
  /** Requests that wait for their turn. */
  readonly waiting: number;
}

/**
 * Bounds the requests to the API server that are under way. Those that wait take turns by whom they are for, so that nobody
 * waits behind the thousands of questions that another one's volumes raise; and the answers of one namespace's questions,
 * too, take the processor's time in turns with what others want.
 */
export class ApiRequestLimiter {
  readonly #semaphore: FairSemaphore;
  readonly #limits: ApiRequestLimits;

  constructor(gateLimits: ApiRequestLimits, observer: LimitObserver) {
    const { inFlight, waiting } = gateLimits;
    this.#limits = gateLimits;
    this.#semaphore = new FairSemaphore({
      permits: inFlight,
      namespaceShare: limits.api.namespaceShare,
      unlimited: driverItself.namespace,
      queue: {
        length: waiting,
        rejection: ({ namespace, podUid }, own) => {
          observer.refused('api_requests', 'namespace', `${namespace}/${podUid}`);
          return new CodedError(
            'RESOURCE_EXHAUSTED',
            `${own} requests to the API server for pods of namespace "${namespace}" wait on this node already, all of its share; it will be tried again`,
          );
        },
      },
    });
  }

  get use(): LimitUsage {
    const { inFlight, waiting } = this.#limits;
    return { used: this.#semaphore.running + this.#semaphore.waiting, limit: inFlight + waiting };
  }

  /**
   * Waits for a turn.
   * @returns ends it; to be called once.
   * @throws {CodedError} RESOURCE_EXHAUSTED when too much of the namespace's waits already; the signal's reason.
   */
  acquire(owner: FlowKey, signal: AbortSignal): Promise<() => void> {
    return this.#semaphore.acquire(owner, signal);
  }
}
