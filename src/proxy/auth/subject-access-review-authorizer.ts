import type { Awaitable } from '../../shared/awaitable.ts';
import type { SubjectAccessReviewer } from '../../shared/access/subject-access-reviewer.ts';
import type { Permission } from '../../shared/access/permission.ts';
import type { ConnectorRef } from '../../shared/connectors/model.ts';
import type { FailureRateLimiter } from '../failure-rate-limiter.ts';
import type { Authorizer, ClientIdentity } from './ports.ts';

interface SubjectAccessReviewAuthorizerOptions {
  readonly reviews: SubjectAccessReviewer;
  readonly rateLimiter: FailureRateLimiter;
  /** Reports whether such a Connector can exist. */
  readonly exists: (connector: ConnectorRef) => boolean;
}

/**
 * Authorizes clients with SubjectAccessReviews for the identity that the TokenReview returned. A client with a Role for
 * all names is allowed any invented name. So reviews of Connectors that do not exist are rate-limited like denied ones.
 * They are sent nevertheless: without them, the response time would show a client which Connectors exist.
 */
export class SubjectAccessReviewAuthorizer implements Authorizer {
  readonly #options: SubjectAccessReviewAuthorizerOptions;

  constructor(options: SubjectAccessReviewAuthorizerOptions) {
    this.#options = options;
  }

  isAnyAllowed(client: ClientIdentity, permissions: readonly Permission[], signal: AbortSignal): Awaitable<boolean> {
    return this.#options.reviews.known(permissions) ?? this.#review(client, permissions, signal);
  }

  async #review(
    { user, pod }: ClientIdentity,
    permissions: readonly Permission[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { reviews, rateLimiter, exists } = this.#options;
    const review = (): Promise<boolean> => reviews.isAnyAllowed(permissions, signal);
    const isSuccess = (isAllowed: boolean): boolean =>
      isAllowed && permissions.every(({ connector }) => exists(connector));
    const tooMany = `too many connectors that ${user} cannot use, or that do not exist`;
    return rateLimiter.run(`${user} ${pod?.uid ?? ''}`, review, isSuccess, tooMany, signal);
  }
}
