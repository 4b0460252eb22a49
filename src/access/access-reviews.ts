import { DriverError } from '../errors.js';
import { jsonMember } from '../json.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { Clock } from '../volume/ports.js';
import { AnswerCache } from './answer-cache.js';
import { apiFailure } from './api-failure.js';
import { connectorsGroup, describePermission, permissionKey, userOf } from './permission.js';
import type { Permission } from './permission.js';
import { SharedCalls } from './shared-calls.js';

const subjectAccessReviews: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
};

/**
 * What a question with its retries may take of a call's usual time: one attempt that hangs leaves time for another, and
 * while the API server is away a volume that is published is soon told to keep what it has.
 */
const shareOfCallTime = 0.5;

/**
 * Asks the API server what accounts may do (SubjectAccessReview). Answers are remembered; a question that is being
 * asked is not asked again.
 * @throws (all that ask) {DriverError} UNAVAILABLE when there is no answer now, FAILED_PRECONDITION when the driver may
 * not ask, or the signal's reason.
 */
export class AccessReviews {
  readonly #client: KubeClient;
  readonly #answers: AnswerCache;
  readonly #asking = new SharedCalls<boolean>();

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#answers = new AnswerCache(clock, client.chance.now);
  }

  /** Whether a remembered answer allows one of the permissions. Never asks. */
  isKnownAllowed(permissions: readonly Permission[]): boolean {
    return permissions.some((permission) => this.#answers.get(permissionKey(permission)) === true);
  }

  /** Whether one of the permissions is there; asks for one after the other, the likeliest first. */
  async isAnyAllowed(permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    if (this.isKnownAllowed(permissions)) return true;
    const wasAllowed = (permission: Permission): boolean => this.#answers.hint(permissionKey(permission)) === true;
    const likeliestFirst = [...permissions].sort((a, b) => Number(wasAllowed(b)) - Number(wasAllowed(a)));
    for (const permission of likeliestFirst) if (await this.#isAllowed(permission, signal)) return true;
    return false;
  }

  /** As `isAnyAllowed`, in the order given and without regard to what is remembered or being asked. */
  async isAnyAllowedNow(permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    for (const permission of permissions) if (await this.#ask(permission, signal)) return true;
    return false;
  }

  #isAllowed(permission: Permission, signal: AbortSignal): Promise<boolean> {
    const key = permissionKey(permission);
    const known = this.#answers.get(key);
    if (known !== undefined) return Promise.resolve(known);
    return this.#asking.run(key, signal, (shared) => this.#ask(permission, shared));
  }

  async #ask(permission: Permission, signal: AbortSignal): Promise<boolean> {
    const askedAt = this.#answers.now();
    const what = `ask the API server whether ${describePermission(permission)}`;
    try {
      const timeoutMs = this.#client.timings.callMs * shareOfCallTime;
      const options = { signal, timeoutMs, isIdempotent: true };
      const answer = await this.#client.create({ type: subjectAccessReviews }, reviewOf(permission), options);
      const isAllowed = parseAnswer(answer, what);
      this.#answers.put(permissionKey(permission), isAllowed, askedAt);
      return isAllowed;
    } catch (error) {
      throw apiFailure(error, what, {
        apiGroup: 'authorization.k8s.io',
        resource: subjectAccessReviews.plural,
        resourceNames: [],
        verbs: ['create'],
      });
    }
  }
}

/** The groups are those that the API server gives to every service account. */
function reviewOf({ account, verb, resource, connector }: Permission): JsonObject {
  const [plural = '', ...subresource] = resource.split('/');
  return {
    apiVersion: subjectAccessReviews.apiVersion,
    kind: subjectAccessReviews.kind,
    spec: {
      user: userOf(account),
      groups: ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`, 'system:authenticated'],
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

/** An authorizer that failed has not denied: without a clear answer there is none, and never a yes. */
function parseAnswer(review: JsonObject, what: string): boolean {
  const status = review['status'];
  const allowed = jsonMember(status, 'allowed');
  if (typeof allowed !== 'boolean') {
    throw new DriverError('UNAVAILABLE', `cannot ${what}: its answer has no status.allowed`);
  }
  const problem = jsonMember(status, 'evaluationError');
  if (allowed || jsonMember(status, 'denied') === true || typeof problem !== 'string' || problem === '') {
    return allowed;
  }
  throw new DriverError('UNAVAILABLE', `cannot ${what}: an authorizer failed: ${problem}`);
}
