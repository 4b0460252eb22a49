import { setMaxListeners } from 'node:events';
import { CodedError, abortError } from '../errors.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { Log } from '../log.js';
import type { AccessControl, AccessDecision, AuthorizationRequest } from './access-control.js';
import type { Call } from '../limits/call.js';
import type { Clock } from '../clock.js';
import type { FeatureFlags } from '../connectors/model.js';
import { AccessRequestClient } from './access-request-client.js';
import { SubjectAccessReviewer } from './subject-access-reviewer.js';
import type { ApprovalObserver, ApprovalResult } from './approvals.js';
import { Approvals } from './approvals.js';
import { AccessRequestWatchQuota } from './access-request-watch-quota.js';
import type { LimitObserver } from '../limits/limit-observer.js';
import { Grants } from './grants.js';
import { ApprovalWatcher } from './approval-watcher.js';
import type { MountedState } from './approval-watcher.js';
import { describeMissing, isApprovalOn, proxyNeed, readNeed } from './permission.js';
import type { Need, Permission, ProxyNeed, ReadNeed } from './permission.js';

export interface KubernetesAccessOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Where this driver is. */
  readonly nodeName: string;
  /** Milliseconds that a publish waits for a decision. */
  readonly approvalWaitMs: number;
  /** That the first one of a pod waits. */
  readonly firstApprovalWaitMs: number;
  /** AccessRequestClient that are watched at once while publishes wait for them; what is more is refused. */
  readonly maxWatchedRequests: number;
  readonly load: LimitObserver;
  readonly observer: ApprovalObserver;
  /** The flags now in memory; looked at while publishes wait. */
  readonly currentFlags: () => FeatureFlags | undefined;
  /** Whether the approvals of mounted volumes are watched. */
  readonly watchesApprovals: boolean;
}

/** Connectors of one volume that are asked about together; few volumes have more. */
const askedTogether = 4;

/** Access as the API server's authorizers decide it. */
export class KubernetesAccess implements AccessControl {
  readonly #reviews: SubjectAccessReviewer;
  readonly #approvals: Approvals;
  readonly #grants = new Grants();
  readonly #currentFlags: () => FeatureFlags | undefined;
  readonly #mounted: ApprovalWatcher | undefined;
  readonly #listeners: (() => void)[] = [];

  constructor(options: KubernetesAccessOptions) {
    const { client, clock, log, observer, currentFlags } = options;
    this.#reviews = new SubjectAccessReviewer(client, clock);
    const requests = new AccessRequestClient(client, options.nodeName, log);
    this.#mounted = options.watchesApprovals
      ? new ApprovalWatcher({ requests, onChange: (permission, state) => this.#changed(permission, state) })
      : undefined;
    this.#reviews.onDenial(() => this.#tell());
    this.#approvals = new Approvals({
      requests,
      watches: new AccessRequestWatchQuota(options.maxWatchedRequests, options.load),
      reviews: this.#reviews,
      monotonicNow: client.clock.now,
      grants: this.#grants,
      waitMs: options.approvalWaitMs,
      firstWaitMs: options.firstApprovalWaitMs,
      observer,
      currentFlags,
    });
    this.#currentFlags = currentFlags;
  }

  async authorize(request: AuthorizationRequest, call: Call): Promise<AccessDecision> {
    if (this.isKnownAllowed(request)) return { kind: 'allowed' };
    // All connectors of a volume are asked for under one signal.
    setMaxListeners(0, call.signal);
    return call.releaseSlotWhile(() => this.#obtain(request, call.signal));
  }

  async #obtain(request: AuthorizationRequest, signal: AbortSignal): Promise<AccessDecision> {
    let { flags } = request;
    for (;;) {
      const result = await this.#decide({ ...request, flags }, signal);
      if (result.kind !== 'flags-changed') return result;
      flags = this.#currentFlags() ?? flags;
    }
  }

  /** Looks again after an approval: what was there before a wait of minutes may be no more. */
  async #decide(request: AuthorizationRequest, signal: AbortSignal): Promise<ApprovalResult> {
    for (;;) {
      const missing = await this.#approvable(request, signal);
      if (missing.length === 0) return { kind: 'allowed' };
      const result = await this.#approvals.obtain(request.pod, missing, signal);
      if (result.kind !== 'allowed') return result;
    }
  }

  /**
   * The needs that are not met but that an approval can meet; the connectors are asked about some at a time. All needs of one
   * are asked for at once, but those beyond reading count only when reading is allowed: neither message nor time tells
   * others more.
   * @throws {CodedError} PERMISSION_DENIED when there are others. Then nothing is asked about the connectors that follow:
   * who names many without a right to any costs no more than who names a few.
   */
  async #approvable(request: AuthorizationRequest, signal: AbortSignal): Promise<readonly ProxyNeed[]> {
    const missing: ProxyNeed[] = [];
    for (let from = 0; from < request.connectors.length; from += askedTogether) {
      const connectors = request.connectors.slice(from, from + askedTogether);
      missing.push(...(await this.#approvableOf({ ...request, connectors }, signal)));
    }
    return missing;
  }

  async #approvableOf(request: AuthorizationRequest, signal: AbortSignal): Promise<readonly ProxyNeed[]> {
    const [toRead, toProxy] = [readNeedsIn(request), this.#proxyNeedsIn(request)];
    const [read, proxy] = [this.#ask(toRead, signal), this.#ask(toProxy, signal)];
    const unread = unmet(toRead, await read, signal);
    if (unread.length > 0) throw new CodedError('PERMISSION_DENIED', describeMissing(unread), { isRefusal: true });
    const missing = unmet(toProxy, await proxy, signal);
    if (missing.length > 0 && !isApprovalOn(request.flags)) {
      throw new CodedError('PERMISSION_DENIED', describeMissing(missing), { isRefusal: true });
    }
    return missing;
  }

  isKnownAllowed(request: AuthorizationRequest): boolean {
    return this.#needsIn(request).every(({ anyOf }) => this.#reviews.isKnownAllowed(anyOf));
  }

  isKnownDenied(request: AuthorizationRequest): boolean {
    return this.#needsIn(request).some(({ anyOf }) => this.#reviews.wasDenied(anyOf));
  }

  approvalStates(request: AuthorizationRequest): readonly string[] {
    return ofPodIn(request).flatMap((permission) => this.#mounted?.stateOf(permission) ?? []);
  }

  onNews(listener: () => void): void {
    this.#listeners.push(listener);
  }

  retain(volumeId: string, request: AuthorizationRequest): void {
    const cases = ofPodIn(request).flatMap((permission) => this.#approvals.caseOf(permission) ?? []);
    this.#mounted?.retain(volumeId, cases);
  }

  release(volumeId: string): void {
    this.#mounted?.release(volumeId);
  }

  stop(): void {
    this.#mounted?.stop();
  }

  /**
   * What was known of the permission is to be asked anew. A decision that was taken back takes the grant with it, whether
   * its role is still there or not; that the request is gone is no decision.
   */
  #changed(permission: Permission, state: MountedState): void {
    this.#reviews.forget(permission);
    if (state === 'over' || state === 'rejected') this.#grants.remove(permission);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  async isAnsweredSoon(request: AuthorizationRequest, signal: AbortSignal): Promise<boolean> {
    return this.#reviews.isAnsweredSoon(
      this.#needsIn(request).map(({ anyOf }) => anyOf),
      signal,
    );
  }

  /** Never rejects. */
  #ask(needs: readonly Need[], signal: AbortSignal): Promise<readonly PromiseSettledResult<boolean>[]> {
    return Promise.allSettled(needs.map(({ anyOf }) => this.#reviews.isAnyAllowed(anyOf, signal)));
  }

  #needsIn(request: AuthorizationRequest): readonly Need[] {
    return [...readNeedsIn(request), ...this.#proxyNeedsIn(request)];
  }

  #proxyNeedsIn({ pod, connectors, flags }: AuthorizationRequest): readonly ProxyNeed[] {
    if (!flags.connectorProxyPermissions) return [];
    const counts = (ofPod: Permission): boolean => !isApprovalOn(flags) || this.#grants.has(ofPod);
    return connectors.map((connector) => proxyNeed(pod, connector, counts));
  }
}

/** The permissions of this pod alone, where approvals give them. */
function ofPodIn({ pod, connectors, flags }: AuthorizationRequest): readonly Permission[] {
  if (!isApprovalOn(flags)) return [];
  return connectors.map((connector) => proxyNeed(pod, connector, () => true).ofPod);
}

function readNeedsIn({ pod, connectors }: AuthorizationRequest): readonly ReadNeed[] {
  return connectors.map((connector) => readNeed(pod, connector));
}

/** Those that are not met, in mount order. What is certainly missing counts more than what could not be asked. */
function unmet<N extends Need>(
  needs: readonly N[],
  answers: readonly PromiseSettledResult<boolean>[],
  signal: AbortSignal,
): readonly N[] {
  const failure = answers.find((answer) => answer.status === 'rejected');
  if (signal.aborted) throw failure?.reason ?? abortError(signal);
  const missing = needs.filter((_need, index) => {
    const answer = answers[index];
    return answer?.status === 'fulfilled' && !answer.value;
  });
  if (missing.length === 0 && failure !== undefined) throw failure.reason;
  return missing;
}
