import { connectorsGroup } from '../connectors/api-group.js';
import { ruleText } from '../kube/rbac-rule.js';
import type { ConnectorRef, FeatureFlags } from '../connectors/model.js';
import type { JsonObject } from '../json.js';
import { listedInQuotes } from '../wording.js';
import type { PodIdentity } from './access-control.js';

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** What else the API server has said of a token's bearer, for authorizers that look at it. */
export interface Identity extends JsonObject {
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
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
  /** Absent: nothing is known but the account. */
  readonly identity?: Identity;
}

export function accountOf(pod: PodIdentity): ServiceAccount {
  return { namespace: pod.namespace, name: pod.serviceAccountName };
}

/** The account's name as a user of the API server. */
export function userOf({ namespace, name }: ServiceAccount): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** What a pod must be allowed for a connector: one of the permissions, the first being the usual one. */
export type Need = ReadNeed | ProxyNeed;

export interface ReadNeed {
  readonly kind: 'read';
  readonly connector: ConnectorRef;
  readonly anyOf: readonly [Permission];
}

export interface ProxyNeed {
  readonly kind: 'proxy';
  readonly connector: ConnectorRef;
  readonly anyOf: readonly [Permission, ...Permission[]];
  /** What an approval gives: the permission of this pod alone. */
  readonly ofPod: Permission;
}

export function isApprovalOn(flags: FeatureFlags): boolean {
  return flags.connectorProxyPermissions && flags.connectorsApproval;
}

/** To read the connector: who may not is told nothing else. */
export function readNeed(pod: PodIdentity, connector: ConnectorRef): ReadNeed {
  return {
    kind: 'read',
    connector,
    anyOf: [{ account: accountOf(pod), verb: 'get', resource: 'connectors', connector }],
  };
}

/**
 * To go through the connector's proxy: a permission for all pods of the account, or for this pod alone.
 * @param counts whether the permission for this pod alone does.
 */
export function proxyNeed(
  pod: PodIdentity,
  connector: ConnectorRef,
  counts: (ofPod: Permission) => boolean,
): ProxyNeed {
  const account = accountOf(pod);
  const ofAccount = { account, verb: '*', resource: 'connectors/proxy', connector };
  const resource = `connectors/proxy/v1/pod/${pod.namespace}/${pod.name}`;
  const ofPod = { account, verb: '*', resource, connector, podUid: pod.uid };
  return { kind: 'proxy', connector, anyOf: counts(ofPod) ? [ofAccount, ofPod] : [ofAccount], ofPod };
}

/** The same text for the same permission; none of its parts but the last may contain a space. */
export function permissionKey(permission: Permission): string {
  let key = keys.get(permission);
  if (key === undefined) {
    key = keyOf(permission);
    keys.set(permission, key);
  }
  return key;
}

/** The proxy looks up the same permission with every request. */
const keys = new WeakMap<Permission, string>();

function keyOf({ account, verb, resource, connector, podUid = '', identity }: Permission): string {
  const who = identity === undefined ? '' : ` ${JSON.stringify(identity)}`;
  return `${account.namespace} ${account.name} ${verb} ${resource} ${connector.namespace} ${connector.name} ${podUid}${who}`;
}

/** `may "get" connectors.connectors.alauda.io "harbor" in namespace "team-a"`, with `not` or without. */
export function describePermission(
  permission: Permission,
  may = 'may',
  names: readonly string[] = [permission.connector.name],
): string {
  const [resource = '', ...subresource] = permission.resource.split('/');
  const what = [`${resource}.${connectorsGroup}`, ...subresource].join('/');
  const named = listedInQuotes(names);
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
  const { namespace } = connector;
  const rule = ruleText({ apiGroup: connectorsGroup, resource, resourceNames, verbs: [verb] });
  const names = resourceNames.map((name) => `${namespace}/${name}`).join(', ');
  const noun = resourceNames.length === 1 ? 'connector' : 'connectors';
  const isRead = verb === 'get';
  // Nobody learns here whether it exists: that is as likely as a missing rule.
  const advice = isRead ? 'check the name, or ' : '';
  // Programs cut what they show of an error, some after 50 characters: what is wrong with which connector comes first.
  const reason = `may not use ${isRead ? '' : 'the proxy of '}${noun} ${names}`;
  const why = describePermission(permission, 'may not', resourceNames);
  return `${reason}: ${why}; ${advice}bind it to a Role of "${namespace}" with the rule ${rule}`;
}
