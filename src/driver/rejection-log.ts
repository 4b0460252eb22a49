import type { Log } from '../shared/log.ts';
import type { LimitObserver } from '../shared/limits/limit-observer.ts';
import { TokenBuckets } from '../shared/limits/token-buckets.ts';
import { driverLimits } from './limits.ts';

/**
 * Returns an observer that counts rejections, and logs one a minute for each pod and limit: a pod with hundreds of
 * rejected calls must not flood the log. Each rejection is an event of the pod anyway.
 * @param now a monotonic clock in milliseconds.
 */
export function withRejectionLog(counter: LimitObserver, log: Log, now = () => performance.now()): LimitObserver {
  const lines = new TokenBuckets(driverLimits.messages.rejections, now);
  return {
    rejected: (limit, scope, pod) => {
      counter.rejected(limit, scope, pod);
      if (lines.of(`${limit} ${pod}`).acquire()) log.warn('Rejected requests over limit', { limit, scope, pod });
    },
  };
}
