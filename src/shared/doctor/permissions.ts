import { jsonMember } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { ResourceType } from '../kube/resource-location.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, reasonOf } from './check-result.js';

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

const check = 'rbac';
const reviewType: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
};

/**
 * Checks the permissions of a service account. Returns one line if it has all of them, else one per missing permission.
 * @param whose owner of the service account, such as `the driver's`.
 */
export async function checkPermissionsOf(
  client: KubeClient,
  permissions: readonly RequiredPermission[],
  whose: string,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  try {
    const allowed = await Promise.all(permissions.map((permission) => isAllowed(client, permission, signal)));
    const missing = permissions.filter((_permission, index) => allowed[index] === false);
    if (missing.length > 0) return missing.map((permission) => missingPermission(permission, whose));
    return [ok(check, `the service account has the ${permissions.length} permissions that the enabled features need`)];
  } catch (error) {
    return [
      fail(check, `the permissions cannot be checked: ${reasonOf(error)}`, 'fix the lines about the API server first'),
    ];
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
  whose: string,
): CheckResult {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
  const where = `${name === undefined ? '' : ` "${name}"`}${namespace === undefined ? '' : ` in namespace "${namespace}"`}`;
  return fail(check, `${whose} service account cannot ${verb} ${what}${where}`, `apply ${from}`);
}
