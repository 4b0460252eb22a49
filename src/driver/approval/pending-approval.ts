import { CodedError } from '../../shared/errors.ts';
import type { JsonObject } from '../../shared/json.ts';
import { metadataText } from '../../shared/kube/kube-object.ts';
import type { AccessDecision } from '../publish/ports.ts';
import { accessRequestName, isAbout, accessRequests } from '../../shared/access/access-request.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import { approvalStateOf } from '../../shared/access/approval-state.ts';
import type { ApprovalState, Condition } from '../../shared/access/approval-state.ts';
import type { ProxyRequirement } from '../../shared/access/permission.ts';
import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import { userOf, accountOf } from '../../shared/access/permission.ts';
import { objectKey } from '../../shared/names.ts';

/**
 * State during one call. `gone`: deleted during the wait. `foreign`: the name belongs to a request for something else.
 */
type PendingApprovalState =
  | ApprovalState
  | { readonly kind: 'gone' | 'foreign' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** State of one connector's approval during one call. */
export class PendingApproval {
  readonly requirement: ProxyRequirement;
  readonly subject: ApprovalSubject;
  /** Name of the AccessRequest. */
  #name: string;
  #state: PendingApprovalState = { kind: 'pending' };

  constructor(requirement: ProxyRequirement, subject: ApprovalSubject) {
    this.requirement = requirement;
    this.subject = subject;
    this.#name = accessRequestName(subject);
  }

  get name(): string {
    return this.#name;
  }

  get state(): PendingApprovalState {
    return this.#state;
  }

  /** Updates the state. @param request undefined if it was deleted. */
  observe(request: JsonObject | undefined): void {
    this.#name = (request && metadataText(request, 'name')) ?? this.#name;
    if (request === undefined) this.#state = { kind: 'gone' };
    else this.#state = isAbout(this.subject, request) ? approvalStateOf(request) : { kind: 'foreign' };
  }

  /** Records that the request cannot be watched. */
  fail(error: unknown): void {
    this.#state = { kind: 'failed', error };
  }
}

/**
 * Combines the approvals of a volume: `rejected` if one is rejected, `allowed` if all are granted, `pending` if one
 * must be created again, undefined while one is undecided.
 * @throws {CodedError} for the first in mount order that cannot be granted, unless one is rejected.
 */
export function decisionOf(pendings: readonly PendingApproval[]): AccessDecision | undefined {
  const rejections = pendings.flatMap(({ state, subject, name }) =>
    state.kind === 'rejected' ? [{ subject, name, checks: state.checks }] : [],
  );
  if (rejections.length > 0) return rejectionDecision(rejections);
  for (const pending of pendings) throwIfHopeless(pending);
  const lost = pendings.find(({ state }) => state.kind === 'gone' || state.kind === 'leaving');
  if (lost !== undefined) {
    const message = `${requestText(lost)} for ${connectorText(lost)} is being deleted; it will be made again`;
    return { kind: 'pending', message };
  }
  return pendings.every(({ state }) => state.kind === 'granted') ? { kind: 'allowed' } : undefined;
}

/** Returns the decision of a wait that ends without one. */
export function undecided(pendings: readonly PendingApproval[]): Extract<AccessDecision, { kind: 'pending' }> {
  const waiting = pendings.filter(({ state }) => state.kind === 'pending');
  const names = waiting.map(({ name }) => name).join(', ');
  const connectors = waiting.map(({ subject: { connector } }) => objectKey(connector)).join(', ');
  const what = waiting.length === 1 ? 'AccessRequest for connector' : 'AccessRequests for connectors';
  return { kind: 'pending', message: `waiting for approval ${names} (${what} ${connectors})` };
}

function connectorText({ subject: { connector } }: PendingApproval): string {
  return `connector ${objectKey(connector)}`;
}

function requestText({ subject: { connector }, name }: PendingApproval): string {
  return `AccessRequest ${connector.namespace}/${name}`;
}

function throwIfHopeless(pending: PendingApproval): void {
  const { state } = pending;
  const connector = connectorText(pending);
  const request = requestText(pending);
  const because = 'message' in state && state.message !== '' ? `: ${state.message}` : '';
  switch (state.kind) {
    case 'over':
      throw new CodedError(
        'FAILED_PRECONDITION',
        `the approval of this pod for ${connector} is over (${request})${because}; start a new pod to ask again`,
        { isDenial: true },
      );
    case 'unmatched':
      throw new CodedError(
        'PERMISSION_DENIED',
        `no approval policy covers ${connector} (${request})${because}; create one, or grant the service account the permission to use its proxy`,
        { isDenial: true },
      );
    case 'foreign':
      throw new CodedError(
        'FAILED_PRECONDITION',
        `${request} is not about this pod and ${connector} although its name says so; delete it`,
      );
    case 'failed':
      throw state.error;
    default:
  }
}

/** A rejected AccessRequest and the failed checks. */
interface Rejection {
  readonly subject: ApprovalSubject;
  /** Name of the AccessRequest. */
  readonly name: string;
  readonly checks: readonly Condition[];
}

/** Returns the content of `.error.json`: message and details of a google.rpc.Status. */
function rejectionDecision(rejections: readonly Rejection[]): AccessDecision {
  return {
    kind: 'rejected',
    message: rejections.map(describe).join('; '),
    details: rejections.flatMap((rejection) => [resourceOf(rejection), ...rejection.checks.map(errorOf(rejection))]),
  };
}

function describe({ subject, name, checks }: Rejection): string {
  const { namespace, name: connector } = subject.connector;
  const why = checks.flatMap(({ message }) => (message === '' ? [] : [message])).join(', ');
  return `use of connector ${namespace}/${connector} was rejected${why === '' ? '' : `: ${why}`} (AccessRequest ${namespace}/${name})`;
}

/** Returns the AccessRequest as google.rpc.ResourceInfo. */
function resourceOf({ subject, name }: Rejection): JsonObject {
  const { namespace } = subject.connector;
  return {
    '@type': 'type.googleapis.com/google.rpc.ResourceInfo',
    resourceType: `${connectorsGroup}/${accessRequests.kind}`,
    resourceName: `${namespace}/${name}`,
    owner: userOf(accountOf(subject.pod)),
    description: `request of pod ${objectKey(subject.pod)} to use connector ${namespace}/${subject.connector.name}`,
  };
}

/** Returns one failed check as google.rpc.ErrorInfo. */
function errorOf({ subject, name }: Rejection): (check: Condition) => JsonObject {
  const { namespace } = subject.connector;
  return ({ type, reason, message }) => ({
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: 'ACCESS_REQUEST_REJECTED',
    domain: connectorsGroup,
    metadata: {
      connector: `${namespace}/${subject.connector.name}`,
      accessRequest: `${namespace}/${name}`,
      check: type,
      reason,
      message,
    },
  });
}
