import { setMaxListeners } from 'node:events';
import { DriverError, abortError } from '../errors.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { Log } from '../log.js';
import type { AccessControl, AccessDecision, AccessRequest } from './access-control.js';
import type { Call } from '../load/call.js';
import type { Clock } from '../clock.js';
import type { FeatureFlags } from '../connectors/model.js';
import { AccessRequests } from './access-requests.js';
import { AccessReviews } from './access-reviews.js';
import type { ApprovalObserver } from './approval-observer.js';
import { Approvals } from './approvals.js';
import type { ApprovalResult } from './approvals.js';
import { isApprovalOn } from './patience.js';
import { describeMissing, needsOf } from './permission.js';
import type { Need } from './permission.js';

export interface KubernetesAccessOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds that a publish waits for a decision. */
  readonly approvalWaitMs: number;
  readonly observer: ApprovalObserver;
  /** The flags now in memory; looked at while publishes wait. */
  readonly currentFlags: () => FeatureFlags | undefined;
}

/** Access as the API server's authorizers decide it. */
export class KubernetesAccess implements AccessControl {
  readonly #reviews: AccessReviews;
  readonly #approvals: Approvals;
  readonly #currentFlags: () => FeatureFlags | undefined;

  constructor({ client, clock, log, approvalWaitMs, observer, currentFlags }: KubernetesAccessOptions) {
    this.#reviews = new AccessReviews(client, clock);
    this.#approvals = new Approvals({
      requests: new AccessRequests(client, log),
      reviews: this.#reviews,
      steadyNow: client.chance.now,
      waitMs: approvalWaitMs,
      observer,
      currentFlags,
    });
    this.#currentFlags = currentFlags;
  }

  async authorize(request: AccessRequest, call: Call): Promise<AccessDecision> {
    if (this.isKnownAllowed(request)) return { kind: 'allowed' };
    // All connectors of a volume are asked for under one signal.
    setMaxListeners(0, call.signal);
    return call.idleWhile(() => this.#ask(request, call.signal));
  }

  async #ask(request: AccessRequest, signal: AbortSignal): Promise<AccessDecision> {
    let { flags } = request;
    for (;;) {
      const result = await this.#decide({ ...request, flags }, signal);
      if (result.kind !== 'flags-changed') return result;
      flags = this.#currentFlags() ?? flags;
    }
  }

  /** Looks again after an approval: what was there before a wait of minutes may be no more. */
  async #decide(request: AccessRequest, signal: AbortSignal): Promise<ApprovalResult> {
    for (;;) {
      const missing = await this.#approvable(request, signal);
      if (missing.length === 0) return { kind: 'allowed' };
      const result = await this.#approvals.obtain(request.pod, missing, signal);
      if (result.kind !== 'allowed') return result;
    }
  }

  /**
   * The needs that are not met but that an approval can meet.
   * @throws {DriverError} PERMISSION_DENIED when there are others.
   */
  async #approvable(request: AccessRequest, signal: AbortSignal): Promise<readonly Need[]> {
    const missing = await this.#missing(request, signal);
    const isApprovable = ({ kind }: Need): boolean => kind === 'proxy' && isApprovalOn(request.flags);
    const denied = missing.filter((need) => !isApprovable(need));
    if (denied.length > 0) throw new DriverError('PERMISSION_DENIED', describeMissing(denied));
    return missing;
  }

  isKnownAllowed(request: AccessRequest): boolean {
    return needsIn(request).every(({ anyOf }) => this.#reviews.isKnownAllowed(anyOf));
  }

  async isAnsweredSoon(request: AccessRequest, signal: AbortSignal): Promise<boolean> {
    return this.#reviews.isAnsweredSoon(
      needsIn(request).map(({ anyOf }) => anyOf),
      signal,
    );
  }

  /**
   * All needs that are not met, in mount order. What is certainly missing counts more than what could not be asked.
   */
  async #missing(request: AccessRequest, signal: AbortSignal): Promise<readonly Need[]> {
    const needs = needsIn(request);
    const answers = await Promise.allSettled(needs.map(({ anyOf }) => this.#reviews.isAnyAllowed(anyOf, signal)));
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (signal.aborted) throw failure?.reason ?? abortError(signal);
    const missing = needs.filter((_need, index) => {
      const answer = answers[index];
      return answer?.status === 'fulfilled' && !answer.value;
    });
    if (missing.length === 0 && failure !== undefined) throw failure.reason;
    return missing;
  }
}

function needsIn({ pod, connectors, flags }: AccessRequest): readonly Need[] {
  return connectors.flatMap((connector) => needsOf(pod, connector, flags));
}
