import { jsonMember } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { ResourceType } from '../../kube/resource-location.js';
import type { CheckResult } from './check-result.js';
import { fail, ok, reasonOf } from './check-result.js';

/** A right that a program uses, in the words of RBAC; without namespace: in all of them. */
export interface RequiredPermission {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'identify';
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What gives it, as in deploy/. */
  readonly from: string;
}

const check = 'rbac';
const reviewType: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
};

/**
 * One line when the account has all of the rights, else one for each that is missing.
 * @param whose account it is, such as `the driver's`.
 */
export async function checkPermissionsOf(
  client: KubeClient,
  rights: readonly RequiredPermission[],
  whose: string,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  try {
    const missing = await missingPermissions(client, rights, signal);
    if (missing.length > 0) return missing.map((right) => missingRight(right, whose));
    return [ok(check, `the account has the ${rights.length} rights that the enabled features need`)];
  } catch (error) {
    return [
      fail(check, `the rights cannot be asked for: ${reasonOf(error)}`, 'mend the lines about the API server first'),
    ];
  }
}

/** Those of the rights that the account of the client has not. @throws {KubeError} */
export async function missingPermissions<T extends RequiredPermission>(
  client: KubeClient,
  rights: readonly T[],
  signal: AbortSignal,
): Promise<readonly T[]> {
  const answers = await Promise.all(rights.map((right) => isAllowed(client, right, signal)));
  return rights.filter((_right, index) => answers[index] === false);
}

async function isAllowed(client: KubeClient, right: RequiredPermission, signal: AbortSignal): Promise<boolean> {
  const { verb, group, resource, subresource = '', namespace = '', name = '' } = right;
  const resourceAttributes = { verb, group, resource, subresource, namespace, name };
  const body = { apiVersion: reviewType.apiVersion, kind: reviewType.kind, spec: { resourceAttributes } };
  const answer = await client.create({ type: reviewType }, body, { signal, isIdempotent: true, retry: false });
  return jsonMember(answer['status'], 'allowed') === true;
}

function missingRight(
  { verb, group, resource, subresource, namespace, name, from }: RequiredPermission,
  whose: string,
): CheckResult {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
  const where = `${name === undefined ? '' : ` "${name}"`}${namespace === undefined ? '' : ` in namespace "${namespace}"`}`;
  return fail(check, `${whose} account may not "${verb}" ${what}${where}`, `apply ${from}`);
}
