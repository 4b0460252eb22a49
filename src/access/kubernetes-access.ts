import { setMaxListeners } from 'node:events';
import { DriverError, throwIfAborted } from '../errors.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { Log } from '../log.js';
import type { AccessControl, AccessDecision, AccessRequest, Call, Clock, FeatureFlags } from '../volume/ports.js';
import { AccessReviews } from './access-reviews.js';
import type { ApprovalObserver } from './approval-observer.js';
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

  constructor(options: KubernetesAccessOptions) {
    this.#reviews = new AccessReviews(options.client, options.clock);
  }

  async authorize(request: AccessRequest, call: Call): Promise<AccessDecision> {
    // All connectors of a volume are asked for under one signal.
    setMaxListeners(0, call.signal);
    const missing = await this.#missing(request, call.signal);
    if (missing.length > 0) throw new DriverError('PERMISSION_DENIED', describeMissing(missing));
    return { kind: 'allowed' };
  }

  isKnownAllowed({ pod, connectors, flags }: AccessRequest): boolean {
    return connectors.every((connector) =>
      needsOf(pod, connector, flags).every(({ anyOf }) => this.#reviews.isKnownAllowed(anyOf)),
    );
  }

  /**
   * All needs that are not met, in mount order. What is certainly missing counts more than what could not be asked.
   */
  async #missing({ pod, connectors, flags }: AccessRequest, signal: AbortSignal): Promise<readonly Need[]> {
    const needs = connectors.flatMap((connector) => needsOf(pod, connector, flags));
    const answers = await Promise.allSettled(needs.map(({ anyOf }) => this.#reviews.isAnyAllowed(anyOf, signal)));
    throwIfAborted(signal);
    const missing = needs.filter((_need, index) => {
      const answer = answers[index];
      return answer?.status === 'fulfilled' && !answer.value;
    });
    const failure = answers.find((answer) => answer.status === 'rejected');
    if (missing.length === 0 && failure !== undefined) throw failure.reason;
    return missing;
  }
}
