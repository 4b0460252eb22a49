import { hash } from 'node:crypto';
import { connectorsGroup } from '../connectors/api-group.ts';
import { ruleText } from '../kube/rbac-rule.ts';
import type { ConnectorRef, FeatureFlags } from '../connectors/model.ts';
import type { JsonObject } from '../json.ts';
import { listedInQuotes } from '../message-text.ts';
import { perObject } from '../per-object.ts';
import { objectKey } from '../names.ts';

/** The pod that mounts the volume, as reported by the kubelet (CSIDriver `podInfoOnMount`). */
export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly serviceAccountName: string;
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** User info of the TokenReview, for authorizers that use it. */
export interface Identity extends JsonObject {
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** An RBAC permission of a service account on a connector. */
export interface Permission {
  readonly account: ServiceAccount;
  readonly verb: string;
  /** Resource with its subresource, as in a rule: `connectors/proxy`. */
  readonly resource: string;
  readonly connector: ConnectorRef;
  /** UID of the pod that the resource names, so that a later pod of the same name does not match. */
  readonly podUid?: string;
  /** Absent if only the service account is known. */
  readonly identity?: Identity | undefined;
}

export function accountOf(pod: PodIdentity): ServiceAccount {
  return { namespace: pod.namespace, name: pod.serviceAccountName };
}

/** Returns the service account's username at the API server. */
export function userOf({ namespace, name }: ServiceAccount): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/** Returns the service account of a username; undefined for other users. */
export function serviceAccountOf(user: string): ServiceAccount | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

/** Returns the groups that the API server assigns to a service account. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
}

/** A requirement for using a connector. Any permission of `anyOf` meets it; the first is the usual one. */
export type Requirement = ReadRequirement | ProxyRequirement;

export interface ReadRequirement {
  readonly kind: 'read';
  readonly connector: ConnectorRef;
  readonly anyOf: readonly [Permission];
}

export interface ProxyRequirement {
  readonly kind: 'proxy';
  readonly connector: ConnectorRef;
  readonly anyOf: readonly [Permission, ...Permission[]];
  /** The permission that an approval grants: that of this pod alone. */
  readonly ofPod: Permission;
  /** The permission that messages name. */
  readonly described: Permission;
}

export function isApprovalOn(flags: FeatureFlags): boolean {
  return flags.connectorProxyPermissions && flags.connectorsApproval;
}

/**
 * Returns the requirement to read the connector. Without it, nothing else is revealed.
 * @param identity of the pod's token, if it is known.
 */
export function readRequirement(pod: PodIdentity, connector: ConnectorRef, identity?: Identity): ReadRequirement {
  const permission = { account: accountOf(pod), verb: 'get', resource: 'connectors', connector, identity };
  return { kind: 'read', connector, anyOf: [permission] };
}

/**
 * Returns the requirement to use the connector's proxy: a permission for all pods of the service account, or for this
 * pod alone.
 * @param counts whether the permission for this pod alone is accepted.
 * @param identity as for `readRequirement`.
 */
export function proxyRequirement(
  pod: PodIdentity,
  connector: ConnectorRef,
  counts: (ofPod: Permission) => boolean,
  identity?: Identity,
): ProxyRequirement {
  const account = accountOf(pod);
  const ofAccount = { account, verb: '*', resource: 'connectors/proxy', connector, identity };
  const resource = `connectors/proxy/v1/pod/${objectKey(pod)}`;
  const ofPod = { account, verb: '*', resource, connector, podUid: pod.uid, identity };
  return {
    kind: 'proxy',
    connector,
    anyOf: counts(ofPod) ? [ofAccount, ofPod] : [ofAccount],
    ofPod,
    described: ofAccount,
  };
}

/** Returns the requirement for requests of one verb: the permission for that verb suffices too. */
export function withVerb(requirement: ProxyRequirement, verb: string): ProxyRequirement {
  const [ofAccount, ...more] = requirement.anyOf.map((permission) => ({ ...permission, verb }));
  if (ofAccount === undefined) return requirement;
  return { ...requirement, anyOf: [...requirement.anyOf, ofAccount, ...more], described: ofAccount };
}

/** Digests of identities: the proxy looks up permissions of the same identity with every request. */
const digestOf = perObject((identity: Identity) => hash('sha256', JSON.stringify(identity), 'base64'));

/** Returns the same key for equal permissions. None of its parts contains a space. */
export function permissionKey({ account, verb, resource, connector, podUid = '', identity }: Permission): string {
  const identityPart = identity === undefined ? '' : ` ${digestOf(identity)}`;
  return `${account.namespace} ${account.name} ${verb} ${resource} ${connector.namespace} ${connector.name} ${podUid}${identityPart}`;
}

/** Returns `SUBJECT can get connectors.connectors.alauda.io "harbor" in namespace "team-a"`, or with another verb phrase. */
export function describePermission(
  permission: Permission,
  can = 'can',
  names: readonly string[] = [permission.connector.name],
): string {
  const [resource = '', ...subresource] = permission.resource.split('/');
  const what = [`${resource}.${connectorsGroup}`, ...subresource].join('/');
  const named = listedInQuotes(names);
  const verb = permission.verb === '*' ? 'use every verb of' : permission.verb;
  return `${userOf(permission.account)} ${can} ${verb} ${what} ${named} in namespace "${permission.connector.namespace}"`;
}

/** Returns one line with the missing permissions and the rules that grant them; one rule covers as many as it can. */
export function describeMissing(missing: readonly Requirement[]): string {
  const groups = new Map<string, { readonly permission: Permission; readonly names: string[] }>();
  for (const requirement of missing) {
    const { connector } = requirement;
    const permission = requirement.kind === 'read' ? requirement.anyOf[0] : requirement.described;
    const key = permissionKey({ ...permission, connector: { ...connector, name: '' } });
    const group = groups.get(key) ?? { permission, names: [] };
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
  const isRead = resource === 'connectors';
  // The message must not reveal whether the connector exists. A wrong name is as likely as a missing rule.
  const advice = isRead ? 'check the name, or ' : '';
  // Programs truncate errors, some after 50 characters, so connector and problem come first.
  const reason = `cannot use ${isRead ? '' : 'the proxy of '}${noun} ${names}`;
  const why = describePermission(permission, 'cannot', resourceNames);
  return `${reason}: ${why}; ${advice}add this rule to a Role of "${namespace}" that is bound to the service account: ${rule}`;
}
