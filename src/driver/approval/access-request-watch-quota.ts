import { CodedError } from '../../shared/errors.ts';
import { limits } from '../../shared/limits/defaults.ts';
import type { FlowKey } from '../../shared/limits/flow-key.ts';
import type { LimitObserver } from '../../shared/limits/limit-observer.ts';
import { SharedQuota } from '../../shared/limits/shared-quota.ts';

/**
 * Quota of watches on pending AccessRequests, with the same shares for pods and namespaces as for Connectors. A volume
 * can wait for 32 requests, each of which is a stream at the API server.
 */
export class AccessRequestWatchQuota {
  readonly #observer: LimitObserver;
  readonly #ofPods: SharedQuota;
  readonly #ofNamespaces: SharedQuota;

  constructor(maxCount: number, observer: LimitObserver) {
    this.#observer = observer;
    this.#ofPods = new SharedQuota(maxCount, limits.watches.podShare);
    this.#ofNamespaces = new SharedQuota(maxCount, limits.watches.namespaceShare);
  }

  /**
   * Acquires `count` watches, all or none.
   * @returns releases them. Call it once.
   * @throws {CodedError} RESOURCE_EXHAUSTED naming the share that is used up.
   */
  acquire(count: number, owner: FlowKey): () => void {
    const shares = [
      ['pod', this.#ofPods, owner.podUid],
      ['namespace', this.#ofNamespaces, owner.namespace],
    ] as const;
    for (const [scope, quota, holder] of shares) {
      if (quota.canAcquire(holder, count)) continue;
      this.#observer.rejected('watches', scope, `${owner.namespace}/${owner.podUid}`);
      throw new CodedError(
        'RESOURCE_EXHAUSTED',
        `${count} more approvals cannot be watched: this ${scope} waits for ${quota.usedBy(holder)} on this node already, and its share of ${quota.capacity} is used up`,
      );
    }
    for (const [, quota, holder] of shares) quota.acquire(holder, count);
    return () => shares.forEach(([, quota, holder]) => quota.release(holder, count));
  }
}
