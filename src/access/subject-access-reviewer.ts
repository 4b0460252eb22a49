import { setMaxListeners } from 'node:events';
import { CodedError } from '../errors.js';
import { jsonMember } from '../json.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { Clock } from '../clock.js';
import { DecisionCache } from './decision-cache.js';
import type { DecisionTtls } from './decision-cache.js';
import { apiFailure } from '../kube/api-failure.js';
import { connectorsGroup } from '../connectors/api-group.js';
import { describePermission, permissionKey, userOf } from './permission.js';
import type { Permission } from './permission.js';
import { SingleFlight } from '../limits/single-flight.js';

const subjectAccessReviews: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
};

/** What a question with its retries may take of a call's usual time: one attempt that hangs leaves time for another. */
const shareOfCallTime = 0.5;

/** For questions that go on when those who have asked are gone. Each ends within its time. */
const neverAborted = new AbortController().signal;
setMaxListeners(0, neverAborted);

/**
 * Asks the API server what accounts may do (SubjectAccessReview). Answers are remembered; a question that is being
 * asked is not asked again.
 * @throws (all that ask) {CodedError} UNAVAILABLE when there is no answer now, FAILED_PRECONDITION when the driver may
 * not ask, or the signal's reason.
 */
export class SubjectAccessReviewer {
  readonly #client: KubeClient;
  readonly #answers: DecisionCache;
  readonly #asking = new SingleFlight<boolean>();
  readonly #denialListeners: (() => void)[] = [];

  /** @param lifetimes how long answers count; as for a volume's refresh unless given. */
  constructor(client: KubeClient, clock: Clock, lifetimes?: DecisionTtls) {
    this.#client = client;
    this.#answers = new DecisionCache(clock, client.clock.now, lifetimes);
  }

  /** Whether a remembered answer allows one of the permissions. Never asks. */
  isKnownAllowed(permissions: readonly Permission[]): boolean {
    return permissions.some((permission) => this.#answers.get(permissionKey(permission)) === true);
  }

  /** What `isAnyAllowed` would answer without asking; undefined when it would ask. */
  known(permissions: readonly Permission[]): boolean | undefined {
    if (this.isKnownAllowed(permissions)) return true;
    const isDenied = permissions.every((permission) => this.#answers.get(permissionKey(permission)) === false);
    return isDenied ? false : undefined;
  }

  /** Whether all of the permissions were denied when last asked. Never asks. */
  wasDenied(permissions: readonly Permission[]): boolean {
    return permissions.every((permission) => this.#answers.hint(permissionKey(permission)) === false);
  }

  /** The next one who needs the permission asks. */
  forget(permission: Permission): void {
    this.#answers.forget(permissionKey(permission));
  }

  /** Calls the listener when what was allowed is denied: others who share the answer need not wait until they ask. */
  onDenial(listener: () => void): void {
    this.#denialListeners.push(listener);
  }

  /** Whether one of the permissions is there; asks for one after the other, the likeliest first. */
  async isAnyAllowed(permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    if (this.isKnownAllowed(permissions)) return true;
    const likeliestFirst = [...permissions].sort((a, b) => Number(this.#wasAllowed(b)) - Number(this.#wasAllowed(a)));
    for (const permission of likeliestFirst) if (await this.#isAllowed(permission, signal)) return true;
    return false;
  }

  /**
   * Whether everything is known that `isAnyAllowed` would ask for, if need be after a moment in which it is asked. What is
   * not answered by then goes on being asked. Only what was allowed when last asked may be left unknown.
   */
  async isAnsweredSoon(questions: readonly (readonly Permission[])[], signal: AbortSignal): Promise<boolean> {
    const wereAllowed = questions.every((permissions) => permissions.some((each) => this.#wasAllowed(each)));
    if (!wereAllowed) return true;
    const answers = Promise.all(questions.map((permissions) => this.isAnyAllowed(permissions, neverAborted)));
    try {
      return (await this.#client.withGracePeriod(answers, signal)) !== undefined;
    } catch (error) {
      if (!signal.aborted && error instanceof CodedError && error.code === 'UNAVAILABLE') return false;
      throw error;
    }
  }

  /** As `isAnyAllowed`, in the order given and without regard to what is remembered or being asked. */
  async isAnyAllowedNow(permissions: readonly Permission[], signal: AbortSignal): Promise<boolean> {
    for (const permission of permissions) {
      if (await this.#explained(permission, this.#ask(permission, signal))) return true;
    }
    return false;
  }

  #wasAllowed(permission: Permission): boolean {
    return this.#answers.hint(permissionKey(permission)) === true;
  }

  #isAllowed(permission: Permission, signal: AbortSignal): Promise<boolean> {
    const key = permissionKey(permission);
    const known = this.#answers.get(key);
    if (known !== undefined) return Promise.resolve(known);
    return this.#explained(
      permission,
      this.#asking.run(key, signal, (shared) => this.#ask(permission, shared)),
    );
  }

  async #ask(permission: Permission, signal: AbortSignal): Promise<boolean> {
    const askedAt = this.#answers.now();
    const timeoutMs = this.#client.timings.callMs * shareOfCallTime;
    // Which pod asks is not known here, and many may share the answer.
    const owner = { namespace: permission.account.namespace, podUid: '' };
    const options = { signal, timeoutMs, owner, isIdempotent: true };
    const answer = await this.#client.create({ type: subjectAccessReviews }, reviewOf(permission), options);
    const isAllowed = parseAnswer(answer, askingWhether(permission));
    const isWithdrawn = !isAllowed && this.#wasAllowed(permission);
    this.#answers.put(permissionKey(permission), isAllowed, askedAt, permission.account.namespace);
    if (isWithdrawn) for (const listener of this.#denialListeners) listener();
    return isAllowed;
  }

  /** Each who waits for an answer is told what is in its way by the time that he gives up. */
  async #explained(permission: Permission, answer: Promise<boolean>): Promise<boolean> {
    try {
      return await answer;
    } catch (error) {
      const needed = {
        apiGroup: 'authorization.k8s.io',
        resource: subjectAccessReviews.plural,
        resourceNames: [],
        verbs: ['create'],
      };
      throw apiFailure(error, { doing: askingWhether(permission), needed, problem: this.#client.problem });
    }
  }
}

function askingWhether(permission: Permission): string {
  return `asking the API server whether ${describePermission(permission)}`;
}

/** Unless the token has told, the groups are those that the API server gives to every service account. */
function reviewOf({ account, verb, resource, connector, identity }: Permission): JsonObject {
  const [plural = '', ...subresource] = resource.split('/');
  return {
    apiVersion: subjectAccessReviews.apiVersion,
    kind: subjectAccessReviews.kind,
    spec: {
      user: userOf(account),
      ...(identity ?? {
        groups: ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`, 'system:authenticated'],
      }),
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
    throw new CodedError('UNAVAILABLE', `${what} failed: its answer has no status.allowed`);
  }
  const problem = jsonMember(status, 'evaluationError');
  if (allowed || jsonMember(status, 'denied') === true || typeof problem !== 'string' || problem === '') {
    return allowed;
  }
  throw new CodedError('UNAVAILABLE', `${what} failed: an authorizer failed: ${problem}`);
}
