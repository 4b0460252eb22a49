import type { JsonObject } from '../../shared/json.ts';
import type { AccessDecision } from '../publish/ports.ts';
import { accessRequests } from '../../shared/access/access-request.ts';
import type { ApprovalSubject } from '../../shared/access/access-request.ts';
import type { Condition } from '../../shared/access/approval-state.ts';
import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import { userOf, accountOf } from '../../shared/access/permission.ts';

/** A rejected AccessRequest and the failed checks. */
interface Rejection {
  readonly subject: ApprovalSubject;
  /** Name of the AccessRequest. */
  readonly name: string;
  readonly checks: readonly Condition[];
}

/** Returns the content of `.error.json`: message and details of a google.rpc.Status. */
export function rejectionDecision(rejections: readonly Rejection[]): AccessDecision {
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
    description: `request of pod ${subject.pod.namespace}/${subject.pod.name} to use connector ${namespace}/${subject.connector.name}`,
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
