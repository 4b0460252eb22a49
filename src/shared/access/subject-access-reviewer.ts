import { neverAborted } from '../abortable.ts';
import { CodedError } from '../errors.ts';
import { jsonMember } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { ResourceType } from '../kube/resource-location.ts';
import { DecisionCache } from './decision-cache.ts';
import type { DecisionTtls } from './decision-cache.ts';
import { apiFailure } from '../kube/api-failure.ts';
import { connectorsGroup } from '../connectors/api-group.ts';
import { describePermission, permissionKey, userOf, serviceAccountGroups } from './permission.ts';
import type { Permission } from './permission.ts';
import { SingleFlight } from '../limits/single-flight.ts';

const subjectAccessReviews: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
};

/** Part of the usual call timeout for a review with its retries: an attempt that hangs leaves time for another. */
const shareOfCallTime = 0.5;

/**
 * Checks permissions with SubjectAccessReviews. Caches decisions and deduplicates concurrent reviews.
 * @throws (all reviews) {CodedError} UNAVAILABLE without a response, FAILED_PRECONDITION without the permission to
 * create reviews, or the signal's reason.
 */
export class SubjectAccessReviewer {
  readonly #client: KubeClient;
  readonly #decisions: DecisionCache;
  readonly #reviews = new SingleFlight<boolean>();
  readonly #denialListeners: (() => void)[] = [];

  /** @param monotonicNow a monotonic clock in milliseconds, for the age of decisions. */
  constructor(client: KubeClient, monotonicNow: () => number, lifetimes: DecisionTtls) {
    this.#client = client;
    this.#decisions = new DecisionCache(monotonicNow, lifetimes);
  }

  /** Reports whether a cached decision allows one of the permissions. Sends no request. */
  isKnownAllowed(permissions: readonly Permission[]): boolean {
    return permissions.some((permission) => this.#decisions.get(permissionKey(permission)) === true);
  }

  /** Returns the cached result of `isAnyAllowed`; undefined if it would send a request. */
  known(permissions: readonly Permission[]): boolean | undefined {
    if (this.isKnownAllowed(permissions)) return true;
    const isDenied = permissions.every((permission) => this.#decisions.get(permissionKey(permission)) === false);
    return isDenied ? false : undefined;
  }

  /** Reports whether the last reviews denied all permissions, however old they are. Sends no request. */
  wasDenied(permissions: readonly Permission[]): boolean {
    return permissions.every((permission) => this.#decisions.hint(permissionKey(permission)) === false);
  }

  /** Drops the cached decision. */
  forget(permission: Permission): void {
    this.#decisions.forget(permissionKey(permission));
  }

  /** Calls the listener when an allowed permission becomes denied, for others that rely on the same decision. */
  onDenial(listener: () => void): void {
    this.#denialListeners.push(listener);
  }

  /** Reports whether one of the permissions is granted. Reviews them in sequence, the most likely first. */
  async isAnyAllowed(permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    if (this.isKnownAllowed(permissions)) return true;
    const likeliestFirst = [...permissions].sort((a, b) => Number(this.#wasAllowed(b)) - Number(this.#wasAllowed(a)));
    for (const permission of likeliestFirst) if (await this.#isAllowed(permission, signal)) return true;
    return false;
  }

  /**
   * Waits briefly until the decisions for `isAnyAllowed` are cached; reviews continue in the background. False only if
   * everything was allowed before and some decision is still missing.
   */
  async isAnsweredSoon(questions: readonly (readonly Permission[])[], signal: AbortSignal): Promise<boolean> {
    const wereAllowed = questions.every((permissions) => permissions.some((each) => this.#wasAllowed(each)));
    if (!wereAllowed) return true;
    const reviews = Promise.all(questions.map((permissions) => this.isAnyAllowed(permissions, neverAborted)));
    try {
      return (await this.#client.withGracePeriod(reviews, signal)) !== undefined;
    } catch (error) {
      if (!signal.aborted && error instanceof CodedError && error.code === 'UNAVAILABLE') return false;
      throw error;
    }
  }

  /** Reviews the permissions like `isAnyAllowed`, but in the given order, without cache and deduplication. */
  async isAnyAllowedNow(permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    for (const permission of permissions) {
      if (await this.#explained(permission, this.#review(permission, signal))) return true;
    }
    return false;
  }

  #wasAllowed(permission: Permission): boolean {
    return this.#decisions.hint(permissionKey(permission)) === true;
  }

  #isAllowed(permission: Permission, signal: AbortSignal): Promise<boolean> {
    const key = permissionKey(permission);
    const cached = this.#decisions.get(key);
    if (cached !== undefined) return Promise.resolve(cached);
    return this.#explained(
      permission,
      this.#reviews.run(key, signal, (shared) => this.#review(permission, shared)),
    );
  }

  async #review(permission: Permission, signal: AbortSignal): Promise<boolean> {
    const startedMs = this.#decisions.now();
    const timeoutMs = this.#client.timings.callMs * shareOfCallTime;
    // Pods of one service account share the decision, so the request is charged to its namespace.
    const owner = { namespace: permission.account.namespace, podUid: '' };
    const options = { signal, timeoutMs, owner, isIdempotent: true };
    const review = await this.#client.create({ type: subjectAccessReviews }, reviewOf(permission), options);
    const isAllowed = parseDecision(review, doingReview(permission));
    const isRevoked = !isAllowed && this.#wasAllowed(permission);
    this.#decisions.put(permissionKey(permission), isAllowed, startedMs, permission.account.namespace);
    if (isRevoked) for (const listener of this.#denialListeners) listener();
    return isAllowed;
  }

  /** Adds the API server's current problem to the error of each waiting caller. */
  async #explained(permission: Permission, review: Promise<boolean>): Promise<boolean> {
    try {
      return await review;
    } catch (error) {
      const needed = {
        apiGroup: 'authorization.k8s.io',
        resource: subjectAccessReviews.plural,
        resourceNames: [],
        verbs: ['create'],
      };
      throw apiFailure(error, { doing: doingReview(permission), needed, problem: this.#client.problem });
    }
  }
}

function doingReview(permission: Permission): string {
  return `asking the API server whether ${describePermission(permission)}`;
}

/**
 * Returns the review of a permission. Without an identity from the token, uses the groups that every service account
 * has.
 */
function reviewOf({ account, verb, resource, connector, identity }: Permission): JsonObject {
  const [plural = '', ...subresource] = resource.split('/');
  return {
    apiVersion: subjectAccessReviews.apiVersion,
    kind: subjectAccessReviews.kind,
    spec: {
      user: userOf(account),
      ...(identity ?? { groups: serviceAccountGroups(account.namespace) }),
      resourceAttributes: {
        group: connectorsGroup,
        resource: plural,
        ...(subresource.length === 0 ? {} : { subresource: subresource.join('/') }),
        namespace: connector.namespace,
        name: connector.name,
        verb,
      },
    },
  };
}

/** Returns the decision of a review. An authorizer's error is no decision, so this throws. */
function parseDecision(review: JsonObject, what: string): boolean {
  const status = review['status'];
  const allowed = jsonMember(status, 'allowed');
  if (typeof allowed !== 'boolean') {
    throw new CodedError('UNAVAILABLE', `${what} failed: its answer has no status.allowed`);
  }
  const problem = jsonMember(status, 'evaluationError');
  if (allowed || jsonMember(status, 'denied') === true || typeof problem !== 'string' || problem === '') {
    return allowed;
  }
  throw new CodedError('UNAVAILABLE', `${what} failed: an authorizer failed: ${problem}`);
}
