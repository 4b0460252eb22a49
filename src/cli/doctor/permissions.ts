import { connectorsGroup } from '../../connectors/api-group.js';
import type { DriverConfig } from '../../driver/config.js';
import { defaultFlags, flagsConfigMapName, parseFeatureFlags } from '../../connectors/feature-flags.js';
import { jsonMember } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { ResourceType } from '../../kube/resource-location.js';
import type { FeatureFlags } from '../../connectors/model.js';
import type { Finding } from './finding.js';
import { fail, ok, reasonOf } from './finding.js';
import { readObject } from './read-object.js';

type PermissionConfig = Pick<DriverConfig, 'driver-name' | 'namespace' | 'allow-token-minting' | 'pod-events'>;

/** A right that the driver uses, in the words of RBAC; without namespace: in all of them. */
interface Right {
  readonly verb: 'list' | 'watch' | 'create' | 'patch';
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What gives it, as in deploy/. */
  readonly from: string;
}

const configMapType: ResourceType = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps' };
const reviewType: ResourceType = {
  apiVersion: 'authorization.k8s.io/v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
};

/** Whether the driver's account may do all that the enabled features need; one line for every right that is missing. */
export async function checkPermissions(
  client: KubeClient,
  config: PermissionConfig,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { flags, finding } = await readFlags(client, config.namespace, signal);
  const rights = neededRights(config, flags);
  try {
    const answers = await Promise.all(rights.map((right) => isAllowed(client, right, signal)));
    const missing = rights.filter((_right, index) => answers[index] === false);
    const all = ok('rbac', `the account has the ${rights.length} rights that the enabled features need`);
    return [finding, ...(missing.length === 0 ? [all] : missing.map(missingRight))];
  } catch (error) {
    const fix = 'mend the lines about the API server first';
    return [finding, fail('rbac', `the rights cannot be asked for: ${reasonOf(error)}`, fix)];
  }
}

/** Flags that cannot be read count as their defaults here; the line about them fails. */
async function readFlags(
  client: KubeClient,
  namespace: string,
  signal: AbortSignal,
): Promise<{ readonly flags: FeatureFlags; readonly finding: Finding }> {
  const check = 'flags';
  const what = `ConfigMap ${namespace}/${flagsConfigMapName}`;
  try {
    const location = { type: configMapType, namespace, name: flagsConfigMapName };
    const configMap = await readObject(client, location, signal);
    if (configMap === undefined) return { flags: defaultFlags, finding: ok(check, `${what} does not exist: defaults`) };
    const flags = parseFeatureFlags(configMap);
    const on = Object.entries(flags).flatMap(([name, isOn]) => (isOn ? [name] : []));
    return { flags, finding: ok(check, `${what}; on: ${on.join(', ') || 'none'}`) };
  } catch (error) {
    const fix = 'mend it, or the rights to it; the driver refuses to publish until it can read the flags';
    return { flags: defaultFlags, finding: fail(check, `${what}: ${reasonOf(error)}`, fix) };
  }
}

function neededRights(config: PermissionConfig, flags: FeatureFlags): readonly Right[] {
  const base = 'deploy/base/rbac.yaml';
  const reads = (right: Omit<Right, 'verb' | 'from'>): readonly Right[] =>
    (['list', 'watch'] as const).map((verb) => ({ ...right, verb, from: base }));
  const requests = { group: connectorsGroup, resource: 'accessrequests', from: 'the component approval' };
  const token = { group: '', resource: 'serviceaccounts', subresource: 'token', from: 'the component token-minting' };
  const events = { group: 'events.k8s.io', resource: 'events', from: 'the component events' };
  return [
    ...reads({ group: connectorsGroup, resource: 'connectors' }),
    ...reads({ group: connectorsGroup, resource: 'connectorclasses' }),
    ...reads({ group: 'storage.k8s.io', resource: 'csidrivers', name: config['driver-name'] }),
    ...reads({ group: '', resource: 'configmaps', namespace: config.namespace, name: flagsConfigMapName }),
    { verb: 'create', group: 'authorization.k8s.io', resource: 'subjectaccessreviews', from: base },
    // An approval can only replace the proxy permission, so both flags have to be on.
    ...(flags.connectorProxyPermissions && flags.connectorsApproval
      ? (['list', 'watch', 'create'] as const).map((verb) => ({ verb, ...requests }))
      : []),
    ...(config['pod-events'] ? (['create', 'patch'] as const).map((verb) => ({ verb, ...events })) : []),
    ...(config['allow-token-minting'] ? [{ verb: 'create' as const, ...token }] : []),
  ];
}

async function isAllowed(client: KubeClient, right: Right, signal: AbortSignal): Promise<boolean> {
  const { verb, group, resource, subresource = '', namespace = '', name = '' } = right;
  const resourceAttributes = { verb, group, resource, subresource, namespace, name };
  const body = { apiVersion: reviewType.apiVersion, kind: reviewType.kind, spec: { resourceAttributes } };
  const answer = await client.create({ type: reviewType }, body, { signal, isIdempotent: true, retry: false });
  return jsonMember(answer['status'], 'allowed') === true;
}

function missingRight({ verb, group, resource, subresource, namespace, name, from }: Right): Finding {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : `.${group}`}`;
  const where = `${name === undefined ? '' : ` "${name}"`}${namespace === undefined ? '' : ` in namespace "${namespace}"`}`;
  return fail('rbac', `the driver's account may not "${verb}" ${what}${where}`, `apply ${from}`);
}
