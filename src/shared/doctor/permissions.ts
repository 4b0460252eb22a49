import type { FeatureFlags } from '../connectors/model.ts';
import { jsonMember } from '../json.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import type { ProgramName } from '../kube/kube-error.ts';
import type { ResourceType } from '../kube/resource-location.ts';
import type { CheckResult } from './check-result.ts';
import { fail, ok, reasonOf } from './check-result.ts';
import { readFlags } from './cluster-objects.ts';

/** An RBAC permission that a program uses; without a namespace, it applies to all of them. */
export interface RequiredPermission {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'identify' | 'attest';
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** Part of deploy/ that grants it, after `apply`. */
  readonly from: string;
}

/** Returns a function for the permissions of one part of deploy/, which returns one for each verb. */
export function permissionsFrom(
  from: string,
): (
  verbs: readonly RequiredPermission['verb'][],
  permission: Omit<RequiredPermission, 'verb' | 'from'>,
) => readonly RequiredPermission[] {
  return (verbs, permission) => verbs.map((verb) => ({ ...permission, verb, from }));
}

const check = 'rbac';
/** The consequence of feature flags that cannot be read. */
const consequences: Readonly<Record<ProgramName, string>> = {
  driver: 'the driver publishes no volume until it can read the flags',
  proxy: 'the proxy serves no request until it can read the flags',
};
const reviewType: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
};

/**
 * Checks the permissions of the program's service account. Returns the line of the feature flags, and one line if it has
 * all permissions, else one per missing permission.
 * @param requiredWith the permissions that the program needs with these feature flags.
 */
export async function checkPermissions(
  program: ProgramName,
  client: KubeClient,
  namespace: string,
  requiredWith: (flags: FeatureFlags) => readonly RequiredPermission[],
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const { flags, result } = await readFlags(client, namespace, consequences[program], signal);
  const permissions = requiredWith(flags);
  try {
    const allowed = await Promise.all(permissions.map((permission) => isAllowed(client, permission, signal)));
    const missing = permissions.filter((_permission, index) => allowed[index] === false);
    if (missing.length > 0) return [result, ...missing.map((permission) => missingPermission(permission, program))];
    const text = `the service account has the ${permissions.length} permissions that the enabled features need`;
    return [result, ok(check, text)];
  } catch (error) {
    const problem = `the permissions cannot be checked: ${reasonOf(error)}`;
    return [result, fail(check, problem, 'fix the lines about the API server first')];
  }
}

async function isAllowed(client: KubeClient, permission: RequiredPermission, signal: AbortSignal): Promise<boolean> {
  const { verb, group, resource, subresource = '', namespace = '', name = '' } = permission;
  const resourceAttributes = { verb, group, resource, subresource, namespace, name };
  const body = { apiVersion: reviewType.apiVersion, kind: reviewType.kind, spec: { resourceAttributes } };
  const review = await client.create({ type: reviewType }, body, { signal, isIdempotent: true, retry: false });
  return jsonMember(review['status'], 'allowed') === true;
}

function missingPermission(
  { verb, group, resource, subresource, namespace, name, from }: RequiredPermission,
  program: ProgramName,
): CheckResult {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
  const where = `${name === undefined ? '' : ` "${name}"`}${namespace === undefined ? '' : ` in namespace "${namespace}"`}`;
  return fail(check, `the ${program}'s service account cannot ${verb} ${what}${where}`, `apply ${from}`);
}
