import { BoundedMap } from '../limits/bounded-map.js';
import { CodedError } from '../errors.js';
import { sleep } from '../abortable.js';
import { KubeError } from '../kube/kube-error.js';
import { objectKey } from '../kube/kube-object.js';
import type { Reflector } from '../kube/reflector.js';
import type { AccessDecision, PodIdentity } from './access-control.js';
import type { FeatureFlags } from '../connectors/model.js';
import type { AccessRequestClient } from './access-request-client.js';
import type { SubjectAccessReviewer } from './subject-access-reviewer.js';
import { PendingApproval, decisionOf, undecided } from './pending-approval.js';
import { ApprovalWait } from './approval-wait.js';
import type { MountedApproval } from './approval-watcher.js';
import { describePermission, permissionKey } from './permission.js';
import type { Permission, ProxyNeed } from './permission.js';
import type { Grants } from './grants.js';
import type { AccessRequestWatchQuota } from './access-request-watch-quota.js';
import { requestFailure } from './request-lookup.js';
import { limits } from '../limits/defaults.js';

/** How a wait for approvals ended. */
export type ApprovalOutcome =
  'granted' | 'rejected' | 'refused' | 'undecided' | 'cancelled' | 'flags-changed' | 'failed';

/** Told about publishes that wait for approvals; implemented by the metrics. */
export interface ApprovalObserver {
  approvalStarted(): void;
  approvalFinished(outcome: ApprovalOutcome, durationMs: number): void;
}

export interface ApprovalsOptions {
  readonly requests: AccessRequestClient;
  readonly watches: AccessRequestWatchQuota;
  readonly reviews: SubjectAccessReviewer;
  /** A monotonic clock in milliseconds. */
  readonly monotonicNow: () => number;
  readonly grants: Grants;
  /** Milliseconds that a publish waits for a decision. */
  readonly waitMs: number;
  /** That the first one of a pod and its connectors waits: the pod's author is to be told soon what it waits for. */
  readonly firstWaitMs: number;
  readonly observer: ApprovalObserver;
  readonly currentFlags: () => FeatureFlags | undefined;
}

/** `flags-changed`: approval was switched off during the wait, the case is to be judged anew. */
export type ApprovalResult = AccessDecision | { readonly kind: 'flags-changed' };

/**
 * Milliseconds before each look for the permission that a grant has promised: the API server's authorizer learns of new
 * roles by a watch of its own, moments later.
 */
const confirmDelaysMs = [0, 150, 350, 700];

const maxWaits = limits.access.approvalWaits;
const maxNames = 4096;

const outcomes: Readonly<Record<AccessDecision['kind'], ApprovalOutcome>> = {
  allowed: 'granted',
  rejected: 'rejected',
  pending: 'undecided',
};

/** Gets pods the permission to use proxies from whoever decides on AccessRequestClient. */
export class Approvals {
  readonly #options: ApprovalsOptions;
  /** The names of the requests of each wait. */
  readonly #waitedFor = new BoundedMap<string, true>(maxWaits);
  /** The request of each permission that was last looked at, by `permissionKey`; the oldest are forgotten first. */
  readonly #names = new BoundedMap<string, MountedApproval>(maxNames);

  constructor(options: ApprovalsOptions) {
    this.#options = options;
  }

  /**
   * 1. Find the requests that there are; what they say may decide already.
   * 2. Make those that are missing.
   * 3. Wait until all are granted or one cannot be any more.
   * 4. See that the permissions are really there.
   *
   * @param needs in mount order; all are worked on in parallel.
   * @throws {CodedError} PERMISSION_DENIED without a policy; FAILED_PRECONDITION for an approval that is over;
   * UNAVAILABLE when the API server does not answer; the signal's reason.
   */
  async obtain(pod: PodIdentity, needs: readonly ProxyNeed[], signal: AbortSignal): Promise<ApprovalResult> {
    const { requests } = this.#options;
    const pendings = needs.map((need) => new PendingApproval(need, { pod, connector: need.connector }));
    const missing = await this.#find(pendings, signal);
    this.#rememberNames(pendings);
    let decision: ApprovalResult | undefined = decisionOf(pendings);
    if (decision === undefined) {
      await allOrFirstFailure(missing.map(({ subject: about }) => requests.create(about, signal)));
      decision = await this.#wait(pod, pendings, signal);
    }
    return decision.kind === 'allowed' ? this.#confirmAll(pendings, signal) : decision;
  }

  /** The request that was last looked at for a permission of a single pod. */
  caseOf(permission: Permission): MountedApproval | undefined {
    return this.#names.get(permissionKey(permission));
  }

  #rememberNames(pendings: readonly PendingApproval[]): void {
    for (const { need, subject: about, name } of pendings) {
      const key = permissionKey(need.ofPod);
      this.#names.set(key, { subject: about, name, permission: need.ofPod });
    }
  }

  /** @returns those that have no request yet. */
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

  async #wait(pod: PodIdentity, pendings: readonly PendingApproval[], signal: AbortSignal): Promise<ApprovalResult> {
    const { monotonicNow, observer, waitMs, firstWaitMs, currentFlags } = this.#options;
    const names = pendings.map(({ name }) => name).join(' ');
    const isFirst = !this.#waitedFor.has(names);
    this.#waitedFor.set(names, true);
    const startedMs = monotonicNow();
    observer.approvalStarted();
    const approvalWait = new ApprovalWait({
      signal,
      waitMs: isFirst ? Math.min(firstWaitMs, waitMs) : waitMs,
      currentFlags,
    });
    let outcome: ApprovalOutcome = 'failed';
    try {
      const decision = await this.#watch(pod, pendings, approvalWait.signal);
      outcome = outcomes[decision.kind];
      return decision;
    } catch (error) {
      outcome = approvalWait.ended ?? (isRefusal(error) ? 'refused' : 'failed');
      if (outcome === 'flags-changed') return { kind: 'flags-changed' };
      if (outcome === 'undecided') return undecided(pendings);
      // Whose own time is over first is told the same, as an error: he takes no answer any more.
      throw isTimeOver(error) ? new CodedError('UNAVAILABLE', undecided(pendings).message, { cause: error }) : error;
    } finally {
      approvalWait.stop();
      observer.approvalFinished(outcome, monotonicNow() - startedMs);
    }
  }

  /** Watches the requests that are pending, each by its name, until they come to a decision together. */
  async #watch(pod: PodIdentity, pendings: readonly PendingApproval[], signal: AbortSignal): Promise<AccessDecision> {
    const { requests, watches: places } = this.#options;
    const pending = pendings.filter(({ state }) => state.kind === 'pending');
    const giveBack = places.hold(
      pending.map(({ subject: about, name }) => ({ namespace: about.connector.namespace, name })),
      {
        namespace: pod.namespace,
        podUid: pod.uid,
      },
    );
    const watches = pending.map((pending) => ({
      pending,
      reflector: requests.reflector(pending.subject, pending.name),
    }));
    const look = (): AccessDecision | undefined => {
      for (const { pending, reflector } of watches) lookAt(pending, reflector);
      return decisionOf(pendings);
    };
    try {
      for (const { reflector } of watches) reflector.start();
      return await Promise.race(watches.map(({ reflector }) => reflector.state.waitFor(look, signal)));
    } finally {
      for (const { reflector } of watches) reflector.stop();
      giveBack();
    }
  }

  async #confirmAll(pendings: readonly PendingApproval[], signal: AbortSignal): Promise<AccessDecision> {
    const isThere = await allOrFirstFailure(pendings.map((pending) => this.#isConfirmed(pending, signal)));
    const unconfirmed = pendings.filter((_pending, index) => isThere[index] === false);
    for (const { need } of pendings) this.#options.grants.add(need.ofPod);
    if (unconfirmed.length === 0) return { kind: 'allowed' };
    const message = unconfirmed
      .map(({ name, need }) => `approval ${name} says granted, but ${describePermission(need.ofPod, 'may still not')}`)
      .join('; ');
    return { kind: 'pending', message };
  }

  async #isConfirmed({ need }: PendingApproval, signal: AbortSignal): Promise<boolean> {
    const likeliestFirst = [need.ofPod, need.anyOf[0]];
    for (const delayMs of confirmDelaysMs) {
      await sleep(delayMs, signal);
      if (await this.#options.reviews.isAnyAllowedNow(likeliestFirst, signal)) return true;
    }
    return false;
  }
}

function lookAt(pending: PendingApproval, { state }: Reflector): void {
  const { subject: about, name } = pending;
  const { error } = state;
  if (error instanceof KubeError && (error.code === 403 || error.code === 404)) {
    pending.fail(requestFailure(error, about, 'watching', ['list', 'watch']));
  } else if (state.isSynced) {
    pending.observe(state.objects.get(objectKey({ namespace: about.connector.namespace, name })));
  }
}

function isTimeOver(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'DEADLINE_EXCEEDED';
}

function isRefusal(error: unknown): boolean {
  return error instanceof CodedError && (error.code === 'PERMISSION_DENIED' || error.code === 'FAILED_PRECONDITION');
}

/**
 * All results once every promise has settled, so that nothing of them is still under way afterwards.
 * @throws what the first of them in order was rejected with.
 */
async function allOrFirstFailure<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  await Promise.allSettled(promises);
  const results: T[] = [];
  for (const promise of promises) results.push(await promise);
  return results;
}
