import { connectorsGroup } from '../connectors/api-group.js';
import { ruleText } from '../kube/rbac-rule.js';
import type { ConnectorRef, FeatureFlags } from '../connectors/model.js';
import type { PodIdentity } from './access-control.js';

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** Something that an account may or may not do with a connector, in RBAC's words. */
export interface Permission {
  readonly account: ServiceAccount;
  readonly verb: string;
  /** With the subresource, as in the rule of a role: `connectors/proxy`. */
  readonly resource: string;
  readonly connector: ConnectorRef;
  /** Of the pod that the resource names: what it was granted is not for a later pod of the same name. */
  readonly podUid?: string;
}

export function accountOf(pod: PodIdentity): ServiceAccount {
  return { namespace: pod.namespace, name: pod.serviceAccountName };
}

/** The account's name as a user of the API server. */
export function userOf({ namespace, name }: ServiceAccount): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** What a pod must be allowed for a connector: one of the permissions, the first being the usual one. */
export interface Need {
  readonly kind: 'read' | 'proxy';
  readonly connector: ConnectorRef;
  readonly anyOf: readonly [Permission, ...Permission[]];
}

/** What a pod needs for a connector: to read it and, with the flag, to go through its proxy. */
export function needsOf(pod: PodIdentity, connector: ConnectorRef, flags: FeatureFlags): readonly Need[] {
  const account = accountOf(pod);
  const read: Need = { kind: 'read', connector, anyOf: [{ account, verb: 'get', resource: 'connectors', connector }] };
  if (!flags.connectorProxyPermissions) return [read];
  return [read, { kind: 'proxy', connector, anyOf: proxyPermissions(account, pod, connector) }];
}

/** For all pods of the account, and for this pod alone: what approvals grant. */
function proxyPermissions(account: ServiceAccount, pod: PodIdentity, connector: ConnectorRef): Need['anyOf'] {
  const ofPod = `connectors/proxy/v1/pod/${pod.namespace}/${pod.name}`;
  return [
    { account, verb: '*', resource: 'connectors/proxy', connector },
    { account, verb: '*', resource: ofPod, connector, podUid: pod.uid },
  ];
}

/** The same text for the same permission; none of its parts but the last may contain a space. */
export function permissionKey({ account, verb, resource, connector, podUid = '' }: Permission): string {
  return `${account.namespace} ${account.name} ${verb} ${resource} ${connector.namespace} ${connector.name} ${podUid}`;
}

/** `may "get" connectors.connectors.alauda.io "harbor" in namespace "team-a"`, with `not` or without. */
export function describePermission(
  permission: Permission,
  may = 'may',
  names: readonly string[] = [permission.connector.name],
): string {
  const [resource = '', ...subresource] = permission.resource.split('/');
  const what = [`${resource}.${connectorsGroup}`, ...subresource].join('/');
  const named = names.map((name) => `"${name}"`).join(', ');
  return `${userOf(permission.account)} ${may} "${permission.verb}" ${what} ${named} in namespace "${permission.connector.namespace}"`;
}

/** What is missing and the rules that would give it, one line; permissions that one rule can give share it. */
export function describeMissing(missing: readonly Need[]): string {
  const groups = new Map<string, { readonly permission: Permission; readonly names: string[] }>();
  for (const { anyOf, connector } of missing) {
    const key = permissionKey({ ...anyOf[0], connector: { ...connector, name: '' } });
    const group = groups.get(key) ?? { permission: anyOf[0], names: [] };
    group.names.push(connector.name);
    groups.set(key, group);
  }
  return [...groups.values()].map(({ permission, names }) => describeGroup(permission, names)).join('; ');
}

function describeGroup(permission: Permission, resourceNames: readonly string[]): string {
  const { resource, verb, connector } = permission;
  const rule = ruleText({ apiGroup: connectorsGroup, resource, resourceNames, verbs: [verb] });
  const what = describePermission(permission, 'may not', resourceNames);
  return `${what}: bind it to a Role of "${connector.namespace}" with the rule ${rule}`;
}
