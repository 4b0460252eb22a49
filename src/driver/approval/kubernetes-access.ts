import { setMaxListeners } from 'node:events';
import { CodedError, abortError } from '../../shared/errors.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';
import type { Log } from '../../shared/log.ts';
import type { AccessControl, AccessDecision, AuthorizationRequest, PublishSlot } from '../publish/ports.ts';
import { AccessRequestClient } from './access-request-client.ts';
import { SubjectAccessReviewer } from '../../shared/access/subject-access-reviewer.ts';
import type { ApprovalsOptions } from './approvals.ts';
import { Approvals } from './approvals.ts';
import { WatchQuota } from '../connectors/watch-quota.ts';
import { limits } from '../../shared/limits/defaults.ts';
import type { LimitObserver } from '../../shared/limits/limit-observer.ts';
import { ApprovalWatcher } from './approval-watcher.ts';
import type { MountedState } from './approval-watcher.ts';
import {
  describeMissing,
  isApprovalOn,
  proxyRequirement,
  readRequirement,
  withVerb,
} from '../../shared/access/permission.ts';
import type { Requirement, Permission, ProxyRequirement, ReadRequirement } from '../../shared/access/permission.ts';
import { driverLimits } from '../limits.ts';

export interface KubernetesAccessOptions extends Pick<ApprovalsOptions, 'waitMs' | 'firstWaitMs' | 'observer'> {
  readonly client: KubeClient;
  /** A monotonic clock in milliseconds, for the age of decisions. */
  readonly monotonicNow: () => number;
  readonly log: Log;
  /** Node of this driver. */
  readonly nodeName: string;
  /** Limit of AccessRequests that are watched at once for waiting publishes. Publishes over it are rejected. */
  readonly maxWatchedRequests: number;
  readonly load: LimitObserver;
  /** Whether the approvals of mounted volumes are watched. */
  readonly watchesApprovals: boolean;
}

/** Access control by the API server's authorizers. */
export class KubernetesAccess implements AccessControl {
  readonly #reviews: SubjectAccessReviewer;
  readonly #approvals: Approvals;
  readonly #mounted: ApprovalWatcher | undefined;
  readonly #listeners: (() => void)[] = [];

  constructor(options: KubernetesAccessOptions) {
    const { client, monotonicNow, log } = options;
    this.#reviews = new SubjectAccessReviewer(client, monotonicNow, limits.access);
    const requests = new AccessRequestClient(client, options.nodeName, log);
    this.#mounted = options.watchesApprovals
      ? new ApprovalWatcher({ requests, onChange: (permission, state) => this.#changed(permission, state) })
      : undefined;
    this.#reviews.onDenial(() => this.#notify());
    this.#approvals = new Approvals({
      ...options,
      requests,
      watches: new WatchQuota(options.maxWatchedRequests, options.load),
      reviews: this.#reviews,
      monotonicNow: client.clock.now,
    });
  }

  async authorize(request: AuthorizationRequest, slot: PublishSlot): Promise<AccessDecision> {
    if (this.isKnownAllowed(request)) return { kind: 'allowed' };
    // All connectors of a volume are reviewed with one signal.
    setMaxListeners(0, slot.signal);
    return slot.releaseWhile(async () => {
      // Reviews access again after an approval, because the wait can take minutes.
      for (;;) {
        const missing = await this.#approvable(request, slot.signal);
        if (missing.length === 0) return { kind: 'allowed' };
        const result = await this.#approvals.obtain(request.pod, missing, slot.signal);
        if (result.kind !== 'allowed') return result;
      }
    });
  }

  /**
   * Returns the unmet requirements that an approval can meet. Reviews a few connectors at a time.
   *
   * All requirements of a connector are reviewed at once. Those beyond reading count only if reading is allowed, so
   * that neither message nor timing reveals more.
   * @throws {CodedError} PERMISSION_DENIED if another requirement is unmet. Further connectors are not reviewed, so
   * naming many without permission costs no more than naming a few.
   */
  async #approvable(request: AuthorizationRequest, signal: AbortSignal): Promise<readonly ProxyRequirement[]> {
    const missing: ProxyRequirement[] = [];
    const { reviewedTogether } = driverLimits.approvals;
    for (let from = 0; from < request.connectors.length; from += reviewedTogether) {
      const connectors = request.connectors.slice(from, from + reviewedTogether);
      missing.push(...(await this.#approvableOf({ ...request, connectors }, signal)));
    }
    return missing;
  }

  async #approvableOf(request: AuthorizationRequest, signal: AbortSignal): Promise<readonly ProxyRequirement[]> {
    const [toRead, toProxy] = [readRequirementsIn(request), this.#proxyRequirementsIn(request)];
    const [read, proxy] = [this.#review(toRead, signal), this.#review(toProxy, signal)];
    const unread = unmet(toRead, await read, signal);
    if (unread.length > 0) throw new CodedError('PERMISSION_DENIED', describeMissing(unread), { isDenial: true });
    const missing = unmet(toProxy, await proxy, signal);
    if (missing.length > 0 && !isApprovalOn(request.flags)) {
      throw new CodedError('PERMISSION_DENIED', describeMissing(missing), { isDenial: true });
    }
    return missing;
  }

  isKnownAllowed(request: AuthorizationRequest): boolean {
    return this.#requirementsIn(request).every(({ anyOf }) => this.#reviews.isKnownAllowed(anyOf));
  }

  isKnownDenied(request: AuthorizationRequest): boolean {
    return this.#requirementsIn(request).some(({ anyOf }) => this.#reviews.wasDenied(anyOf));
  }

  approvalStates(request: AuthorizationRequest): readonly string[] {
    return ofPodIn(request).flatMap((permission) => this.#mounted?.stateOf(permission) ?? []);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  retain(volumeId: string, request: AuthorizationRequest): void {
    const approvals = ofPodIn(request).flatMap((permission) => this.#approvals.approvalFor(permission) ?? []);
    this.#mounted?.retain(volumeId, approvals);
  }

  release(volumeId: string): void {
    this.#mounted?.release(volumeId);
  }

  stop(): void {
    this.#mounted?.stop();
  }

  /**
   * Drops the cached decision. A revoked approval also drops the grant, even if its Role exists; a deleted request is
   * no decision and keeps it.
   */
  #changed(permission: Permission, state: MountedState): void {
    this.#reviews.forget(permission);
    if (state === 'over' || state === 'rejected') this.#approvals.revoke(permission);
    this.#notify();
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  async isAnsweredSoon(request: AuthorizationRequest, signal: AbortSignal): Promise<boolean> {
    return this.#reviews.isAnsweredSoon(
      this.#requirementsIn(request).map(({ anyOf }) => anyOf),
      signal,
    );
  }

  /** Reviews all requirements. Never rejects. */
  #review(
    requirements: readonly Requirement[],
    signal: AbortSignal,
  ): Promise<readonly PromiseSettledResult<boolean>[]> {
    return Promise.allSettled(requirements.map(({ anyOf }) => this.#reviews.isAnyAllowed(anyOf, signal)));
  }

  #requirementsIn(request: AuthorizationRequest): readonly Requirement[] {
    return [...readRequirementsIn(request), ...this.#proxyRequirementsIn(request)];
  }

  #proxyRequirementsIn({ pod, connectors, flags }: AuthorizationRequest): readonly ProxyRequirement[] {
    if (!flags.connectorProxyPermissions) return [];
    const counts = (ofPod: Permission): boolean => !isApprovalOn(flags) || this.#approvals.isGranted(ofPod);
    return connectors.map((connector) => {
      const requirement = proxyRequirement(pod, connector, counts);
      // A pod that can only read mounts the connector too: the proxy denies its writes.
      return isApprovalOn(flags) ? requirement : withVerb(requirement, 'get');
    });
  }
}

/** Returns the permissions of this pod alone, if approvals grant them. */
function ofPodIn({ pod, connectors, flags }: AuthorizationRequest): readonly Permission[] {
  if (!isApprovalOn(flags)) return [];
  return connectors.map((connector) => proxyRequirement(pod, connector, () => true).ofPod);
}

function readRequirementsIn({ pod, connectors }: AuthorizationRequest): readonly ReadRequirement[] {
  return connectors.map((connector) => readRequirement(pod, connector));
}

/** Returns the unmet requirements in mount order. A denial takes precedence over a failed review. */
function unmet<N extends Requirement>(
  requirements: readonly N[],
  results: readonly PromiseSettledResult<boolean>[],
  signal: AbortSignal,
): readonly N[] {
  const failure = results.find((result) => result.status === 'rejected');
  if (signal.aborted) throw failure?.reason ?? abortError(signal);
  const missing = requirements.filter((_requirement, index) => {
    const result = results[index];
    return result?.status === 'fulfilled' && !result.value;
  });
  if (missing.length === 0 && failure !== undefined) throw failure.reason;
  return missing;
}
