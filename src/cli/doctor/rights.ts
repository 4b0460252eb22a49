import { jsonMember } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { ResourceType } from '../../kube/resource-location.js';
import type { Finding } from './finding.js';
import { fail, ok, reasonOf } from './finding.js';

/** A right that a program uses, in the words of RBAC; without namespace: in all of them. */
export interface Right {
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
export async function checkRights(
  client: KubeClient,
  rights: readonly Right[],
  whose: string,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  try {
    const missing = await missingRights(client, rights, signal);
    if (missing.length > 0) return missing.map((right) => missingRight(right, whose));
    return [ok(check, `the account has the ${rights.length} rights that the enabled features need`)];
  } catch (error) {
    return [
      fail(check, `the rights cannot be asked for: ${reasonOf(error)}`, 'mend the lines about the API server first'),
    ];
  }
}

/** Those of the rights that the account of the client has not. @throws {KubeError} */
export async function missingRights<T extends Right>(
  client: KubeClient,
  rights: readonly T[],
  signal: AbortSignal,
): Promise<readonly T[]> {
  const answers = await Promise.all(rights.map((right) => isAllowed(client, right, signal)));
  return rights.filter((_right, index) => answers[index] === false);
}

async function isAllowed(client: KubeClient, right: Right, signal: AbortSignal): Promise<boolean> {
  const { verb, group, resource, subresource = '', namespace = '', name = '' } = right;
  const resourceAttributes = { verb, group, resource, subresource, namespace, name };
  const body = { apiVersion: reviewType.apiVersion, kind: reviewType.kind, spec: { resourceAttributes } };
  const answer = await client.create({ type: reviewType }, body, { signal, isIdempotent: true, retry: false });
  return jsonMember(answer['status'], 'allowed') === true;
}

function missingRight({ verb, group, resource, subresource, namespace, name, from }: Right, whose: string): Finding {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
  const where = `${name === undefined ? '' : ` "${name}"`}${namespace === undefined ? '' : ` in namespace "${namespace}"`}`;
  return fail(check, `${whose} account may not "${verb}" ${what}${where}`, `apply ${from}`);
}
