import type { JsonObject } from '../json.js';
import type { AccessDecision } from './access-control.js';
import { accessRequests } from './access-request.js';
import type { ApprovalSubject } from './access-request.js';
import type { Condition } from './approval-state.js';
import { connectorsGroup } from '../connectors/api-group.js';
import { userOf, accountOf } from './permission.js';

/** An AccessRequest that was rejected, and why. */
export interface Rejection {
  readonly about: ApprovalSubject;
  /** Of the AccessRequest. */
  readonly name: string;
  readonly checks: readonly Condition[];
}

/** What the workload gets to read: google.rpc.Status' message and details. */
export function rejectionDecision(rejections: readonly Rejection[]): AccessDecision {
  return {
    kind: 'rejected',
    message: rejections.map(describe).join('; '),
    details: rejections.flatMap((rejection) => [resourceOf(rejection), ...rejection.checks.map(errorOf(rejection))]),
  };
}

function describe({ about, name, checks }: Rejection): string {
  const { namespace, name: connector } = about.connector;
  const why = checks.flatMap(({ message }) => (message === '' ? [] : [message])).join(', ');
  return `use of connector ${namespace}/${connector} was rejected${why === '' ? '' : `: ${why}`} (AccessRequest ${namespace}/${name})`;
}

/** google.rpc.ResourceInfo: the AccessRequest. */
function resourceOf({ about, name }: Rejection): JsonObject {
  const { namespace } = about.connector;
  return {
    '@type': 'type.googleapis.com/google.rpc.ResourceInfo',
    resourceType: `${connectorsGroup}/${accessRequests.kind}`,
    resourceName: `${namespace}/${name}`,
    owner: userOf(accountOf(about.pod)),
    description: `request of pod ${about.pod.namespace}/${about.pod.name} to use connector ${namespace}/${about.connector.name}`,
  };
}

/** google.rpc.ErrorInfo: one check that said no. */
function errorOf({ about, name }: Rejection): (check: Condition) => JsonObject {
  const { namespace } = about.connector;
  return ({ type, reason, message }) => ({
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: 'ACCESS_REQUEST_REJECTED',
    domain: connectorsGroup,
    metadata: {
      connector: `${namespace}/${about.connector.name}`,
      accessRequest: `${namespace}/${name}`,
      check: type,
      reason,
      message,
    },
  });
}
