import { BoundedMap } from '../../shared/limits/bounded-map.ts';
import { CodedError } from '../../shared/errors.ts';
import { Deadline, sleep } from '../../shared/abortable.ts';
import { KubeError } from '../../shared/kube/kube-error.ts';
import type { Reflector } from '../../shared/kube/reflector.ts';
import type { AccessDecision } from '../publish/ports.ts';
import type { AccessRequestClient } from './access-request-client.ts';
import type { SubjectAccessReviewer } from '../../shared/access/subject-access-reviewer.ts';
import { PendingApproval, decisionOf, undecided } from './pending-approval.ts';
import type { MountedApproval } from './approval-watcher.ts';
import { describePermission, permissionKey } from '../../shared/access/permission.ts';
import type { Permission, ProxyRequirement, PodIdentity } from '../../shared/access/permission.ts';
import { requestFailure } from '../../shared/access/request-lookup.ts';
import { driverLimits } from '../limits.ts';
import type { WatchQuota } from '../connectors/watch-quota.ts';
import { objectKey } from '../../shared/names.ts';

/** Observes publishes that wait for approvals; implemented by the metrics. */
interface ApprovalObserver {
  approvalStarted(): void;
  approvalFinished(): void;
}

export interface ApprovalsOptions {
  readonly requests: AccessRequestClient;
  readonly watches: WatchQuota;
  readonly reviews: SubjectAccessReviewer;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
  /** Limit of one publish's wait for a decision, in milliseconds. */
  readonly waitMs: number;
  /**
   * Limit in milliseconds of the first wait of a pod. It is shorter, so that the pod's events soon name the missing
   * approval.
   */
  readonly firstWaitMs: number;
  readonly observer: ApprovalObserver;
}

/**
 * Delays in milliseconds before checks for a granted permission. The authorizer learns of new roles by its own watch,
 * moments later.
 */
const confirmDelaysMs = [0, 150, 350, 700];

const { waits: maxWaits, grants: maxGrants } = driverLimits.approvals;

/** Obtains permissions for pods by AccessRequests. */
export class Approvals {
  readonly #options: ApprovalsOptions;
  /** Names of the requests of each earlier wait. */
  readonly #earlierWaits = new BoundedMap<true>(maxWaits);
  /** The last request of each permission, by `permissionKey`; the oldest are evicted. */
  readonly #names = new BoundedMap<MountedApproval>(maxGrants);
  /**
   * Permissions of single pods that are backed by a granted AccessRequest for the pod's UID, by `permissionKey`. The Role
   * names only the pod and can outlive it; without this check, a later pod of that name would inherit the permission.
   * The Role itself is reviewed each time.
   */
  readonly #grants = new BoundedMap<true>(maxGrants);
  /** Number of watches so far. Each counts, also of the same request. */
  #watches = 0;

  constructor(options: ApprovalsOptions) {
    this.#options = options;
  }

  /**
   * Obtains the permissions that are missing:
   *
   * 1. Find existing requests; they may already decide.
   * 2. Create the missing ones.
   * 3. Wait until all are granted or one cannot be.
   * 4. Verify that the permissions exist.
   *
   * @param requirements in mount order; processed in parallel.
   * @throws {CodedError} PERMISSION_DENIED without a policy; FAILED_PRECONDITION if an approval has ended; UNAVAILABLE
   * without a response of the API server; the signal's reason.
   */
  async obtain(
    pod: PodIdentity,
    requirements: readonly ProxyRequirement[],
    signal: AbortSignal,
  ): Promise<AccessDecision> {
    const { requests } = this.#options;
    const pendings = requirements.map(
      (requirement) => new PendingApproval(requirement, { pod, connector: requirement.connector }),
    );
    const missing = await this.#find(pendings, signal);
    this.#rememberNames(pendings);
    let decision: AccessDecision | undefined = decisionOf(pendings);
    if (decision === undefined) {
      await allOrFirstFailure(missing.map(({ subject }) => requests.create(subject, signal)));
      decision = await this.#wait(pod, pendings, signal);
    }
    return decision.kind === 'allowed' ? this.#confirmAll(pendings, signal) : decision;
  }

  /** Returns the last request for a permission of a single pod. */
  approvalFor(permission: Permission): MountedApproval | undefined {
    return this.#names.get(permissionKey(permission));
  }

  /** Reports whether a granted AccessRequest for the pod's UID backs the permission. */
  isGranted(permission: Permission): boolean {
    return this.#grants.has(permissionKey(permission));
  }

  /** Removes a grant whose approval was revoked. */
  revoke(permission: Permission): void {
    this.#grants.delete(permissionKey(permission));
  }

  #rememberNames(pendings: readonly PendingApproval[]): void {
    for (const { requirement, subject, name } of pendings) {
      const key = permissionKey(requirement.ofPod);
      this.#names.set(key, { subject, name, permission: requirement.ofPod });
    }
  }

  /** Finds existing requests. @returns the approvals without one. */
  async #find(pendings: readonly PendingApproval[], signal: AbortSignal): Promise<readonly PendingApproval[]> {
    const { requests } = this.#options;
    const found = await allOrFirstFailure(
      pendings.map(async (pending) => {
        const request = await requests.find(pending.subject, signal);
        if (request !== undefined) pending.observe(request);
        return request;
      }),
    );
    return pendings.filter((_pending, index) => found[index] === undefined);
  }

  async #wait(pod: PodIdentity, pendings: readonly PendingApproval[], signal: AbortSignal): Promise<AccessDecision> {
    const { monotonicNow, observer, waitMs, firstWaitMs } = this.#options;
    const names = pendings.map(({ name }) => name).join(' ');
    const isFirst = !this.#earlierWaits.has(names);
    this.#earlierWaits.set(names, true);
    observer.approvalStarted();
    const deadline = Deadline.start(signal, isFirst ? Math.min(firstWaitMs, waitMs) : waitMs, monotonicNow);
    try {
      return await this.#watch(pod, pendings, deadline.signal);
    } catch (error) {
      if (deadline.isOver) return undecided(pendings);
      // A caller whose deadline passes gets the same message as an error, since a response would come too late.
      throw isTimeOver(error) ? new CodedError('UNAVAILABLE', undecided(pendings).message, { cause: error }) : error;
    } finally {
      deadline.done();
      observer.approvalFinished();
    }
  }

  /** Watches the pending requests, each by its name, until they permit a decision together. */
  async #watch(pod: PodIdentity, pendings: readonly PendingApproval[], signal: AbortSignal): Promise<AccessDecision> {
    const { requests, watches: quota } = this.#options;
    const pending = pendings.filter(({ state }) => state.kind === 'pending');
    const owner = { namespace: pod.namespace, podUid: pod.uid };
    quota.ensureWithinShare(`AccessRequest ${pending[0]?.name}`, owner, pending.length);
    const keys = pending.map(() => String((this.#watches += 1)));
    for (const key of keys) quota.add(key, owner);
    const watches = pending.map((pending) => ({
      pending,
      reflector: requests.reflector(pending.subject, pending.name),
    }));
    const evaluate = (): AccessDecision | undefined => {
      for (const { pending, reflector } of watches) updateFrom(pending, reflector);
      return decisionOf(pendings);
    };
    try {
      for (const { reflector } of watches) reflector.start();
      return await Promise.race(watches.map(({ reflector }) => reflector.state.waitFor(evaluate, signal)));
    } finally {
      for (const { reflector } of watches) reflector.stop();
      for (const key of keys) quota.remove(key, owner);
    }
  }

  async #confirmAll(pendings: readonly PendingApproval[], signal: AbortSignal): Promise<AccessDecision> {
    const isThere = await allOrFirstFailure(pendings.map((pending) => this.#isConfirmed(pending, signal)));
    const unconfirmed = pendings.filter((_pending, index) => isThere[index] === false);
    for (const { requirement } of pendings) this.#grants.set(permissionKey(requirement.ofPod), true);
    if (unconfirmed.length === 0) return { kind: 'allowed' };
    const message = unconfirmed
      .map(
        ({ name, requirement }) =>
          `approval ${name} says granted, but ${describePermission(requirement.ofPod, 'still cannot')}`,
      )
      .join('; ');
    return { kind: 'pending', message };
  }

  async #isConfirmed({ requirement }: PendingApproval, signal: AbortSignal): Promise<boolean> {
    const likeliestFirst = [requirement.ofPod, requirement.anyOf[0]];
    for (const delayMs of confirmDelaysMs) {
      await sleep(delayMs, signal);
      if (await this.#options.reviews.isAnyAllowedNow(likeliestFirst, signal)) return true;
    }
    return false;
  }
}

function updateFrom(pending: PendingApproval, { state }: Reflector): void {
  const { subject, name } = pending;
  const { error } = state;
  if (error instanceof KubeError && (error.code === 403 || error.code === 404)) {
    pending.fail(requestFailure(error, subject, 'watching', ['list', 'watch']));
  } else if (state.isSynced) {
    pending.observe(state.objects.get(objectKey({ namespace: subject.connector.namespace, name })));
  }
}

function isTimeOver(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED';
}

/**
 * Waits until all promises have settled, so that none is still in flight.
 * @throws the first rejection in order.
 */
async function allOrFirstFailure<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises);
  const results: T[] = [];
  for (const promise of promises) results.push(await promise);
  return results;
}
