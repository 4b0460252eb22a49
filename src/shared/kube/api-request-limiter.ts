import { CodedError } from '../errors.ts';
import type { Owner } from '../limits/owner.ts';
import { FairSemaphore } from '../limits/fair-semaphore.ts';
import { limits } from '../limits/defaults.ts';
import type { LimitObserver } from '../limits/limit-observer.ts';

/** Flow of the driver's own requests. */
export const driverItself: Owner = { namespace: '', podUid: '' };

export interface ApiRequestLimits {
  /** Maximum number of requests in flight. A watch counts until it is open. */
  readonly inFlight: number;
  /** Maximum number of queued requests. */
  readonly waiting: number;
}

/**
 * Limits the requests to the API server in flight. Others wait in a queue that is fair by namespace, then by pod, so
 * that thousands of reviews for one namespace do not delay the rest. The CPU time for the responses is shared equally,
 * too. Acquiring throws RESOURCE_EXHAUSTED if the namespace has too many requests in the queue.
 */
export function apiRequestLimiter({ inFlight, waiting }: ApiRequestLimits, observer: LimitObserver): FairSemaphore {
  return new FairSemaphore({
    permits: inFlight,
    namespaceShare: limits.api.namespaceShare,
    unlimited: driverItself.namespace,
    queue: {
      length: waiting,
      rejection: ({ namespace, podUid }, own) => {
        observer.rejected('api_requests', 'namespace', `${namespace}/${podUid}`);
        const message = `${own} requests to the API server for pods of namespace "${namespace}" wait on this node already, all of its share; the kubelet will retry`;
        return new CodedError('RESOURCE_EXHAUSTED', message);
      },
    },
  });
}
