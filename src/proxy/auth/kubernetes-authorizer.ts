import { permissionKey } from '../../shared/access/permission.ts';
import type { SubjectAccessReviewer } from '../../shared/access/subject-access-reviewer.ts';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { FailureRateLimiter } from '../failure-rate-limiter.ts';
import type { Authorizer, PodApprovals } from './ports.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import { accessRequestName } from '../../shared/access/access-request.ts';
import { DecisionCache } from '../../shared/access/decision-cache.ts';
import { approvalStateOf } from '../../shared/access/approval-state.ts';
import { findRequest } from '../../shared/access/request-lookup.ts';
import { proxyLimits } from '../limits.ts';
import { SingleFlight } from '../../shared/limits/single-flight.ts';
import type { KubeClient } from '../../shared/kube/kube-client.ts';

/**
 * Authorizes clients with SubjectAccessReviews for the identity that the TokenReview returned. A client with a Role for
 * all names is allowed any invented name. So reviews of Connectors that do not exist are rate-limited like denied ones.
 * They are sent nevertheless: without them, the response time would show a client which Connectors exist.
 * @param exists reports whether such a Connector can exist.
 */
export function subjectAccessReviewAuthorizer(
  reviews: Pick<SubjectAccessReviewer, 'known' | 'isAnyAllowed'>,
  rateLimiter: FailureRateLimiter,
  exists: (connector: ConnectorRef) => boolean,
): Authorizer {
  // Requests that need the same review count once: hundreds of a build come when a decision has just expired.
  const calls = new SingleFlight<boolean>();
  return {
    isAnyAllowed: ({ user, pod }, permissions, signal) => {
      const known = reviews.known(permissions);
      if (known !== undefined) return known;
      const client = `${user} ${pod?.uid ?? ''}`;
      return calls.run([client, ...permissions.map(permissionKey)].join(' '), signal, (shared) =>
        rateLimiter.run(
          client,
          () => reviews.isAnyAllowed(permissions, shared),
          (isAllowed) => isAllowed && permissions.every(({ connector }) => exists(connector)),
          `too many connectors that ${user} cannot use, or that do not exist`,
          shared,
        ),
      );
    },
  };
}

/** Limit of one lookup with its retries. Clients wait for it, and they time out sooner than kubelets. */
const timeoutMs = 10_000;

/** Reads the AccessRequests of pods from the API server. Results are cached as long as access reviews. */
export function kubernetesApprovals(client: KubeClient): PodApprovals {
  const decisions = new DecisionCache(client.clock.now, proxyLimits.proxyAccess);
  const reads = new SingleFlight<boolean>();
  const read = async (key: string, subject: ApprovalSubject, signal: AbortSignal): Promise<boolean> => {
    const readAt = decisions.now();
    const request = await findRequest(client, subject, { signal, timeoutMs });
    const isGranted = request !== undefined && approvalStateOf(request).kind === 'granted';
    decisions.put(key, isGranted, readAt, subject.pod.namespace);
    return isGranted;
  };
  return {
    isGranted: async (subject, signal) => {
      const key = `${subject.connector.namespace}/${accessRequestName(subject)}`;
      return decisions.get(key) ?? reads.run(key, signal, (shared) => read(key, subject, shared));
    },
  };
}
