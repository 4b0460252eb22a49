import type { Permission } from '../../shared/access/permission.ts';
import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { jsonItems, jsonMember, jsonText } from '../../shared/json.ts';
import type { Authorizer, ClientIdentity } from './ports.ts';

/**
 * RBAC with Roles, ClusterRoles and bindings from manifests. As in the API server, one rule of one binding suffices.
 * Aggregated ClusterRoles count with the rules written in them; aggregation is not evaluated.
 * @param objects returns the current objects of all kinds.
 */
export function manifestRbacAuthorizer(objects: () => readonly JsonObject[]): Authorizer {
  const ofKind = (...kinds: readonly string[]): readonly JsonObject[] =>
    objects().filter(
      (object) =>
        kinds.includes(jsonText(object, 'kind') ?? '') &&
        jsonText(object, 'apiVersion') === 'rbac.authorization.k8s.io/v1',
    );
  const rulesOf = (binding: JsonObject, namespace: string): readonly JsonValue[] => {
    const kind = jsonText(jsonMember(binding, 'roleRef'), 'kind') ?? '';
    const name = jsonText(jsonMember(binding, 'roleRef'), 'name');
    if (kind !== 'ClusterRole' && (kind !== 'Role' || binding['kind'] === 'ClusterRoleBinding')) return [];
    const role = ofKind(kind).find(
      ({ metadata = null }) =>
        jsonText(metadata, 'name') === name &&
        (kind === 'ClusterRole' || jsonText(metadata, 'namespace') === namespace),
    );
    return jsonItems(jsonMember(role, 'rules'));
  };
  const isAllowed = (client: ClientIdentity, permission: Permission): boolean =>
    ofKind('RoleBinding', 'ClusterRoleBinding').some((binding) => {
      const isClusterWide = binding['kind'] === 'ClusterRoleBinding';
      const namespace = jsonText(jsonMember(binding, 'metadata'), 'namespace') ?? '';
      if (!isClusterWide && namespace !== permission.connector.namespace) return false;
      const subjects = jsonItems(jsonMember(binding, 'subjects'));
      const isBound = subjects.some((subject) => isSubject(subject, client, namespace));
      return isBound && rulesOf(binding, namespace).some((rule) => allows(rule, permission));
    });
  return {
    isAnyAllowed: (client, permissions) => permissions.some((permission) => isAllowed(client, permission)),
  };
}

/** @param bindingNamespace namespace of a service account whose subject has none. */
function isSubject(subject: JsonValue, { user, identity }: ClientIdentity, bindingNamespace: string): boolean {
  const name = jsonText(subject, 'name') ?? '';
  switch (jsonText(subject, 'kind')) {
    case 'ServiceAccount':
      return user === `system:serviceaccount:${jsonText(subject, 'namespace') ?? bindingNamespace}:${name}`;
    case 'User':
      return user === name;
    case 'Group':
      return identity.groups.includes(name);
    default:
      return false;
  }
}

function allows(rule: JsonValue, { verb, resource, connector }: Permission): boolean {
  const has = (field: string, ...values: readonly string[]): boolean =>
    jsonItems(jsonMember(rule, field)).some((each) => typeof each === 'string' && values.includes(each));
  const [, ...subresource] = resource.split('/');
  const anySubresource = subresource.length === 0 ? [] : [`*/${subresource.join('/')}`];
  const names = jsonItems(jsonMember(rule, 'resourceNames'));
  return (
    has('verbs', '*', verb) &&
    has('apiGroups', '*', connectorsGroup) &&
    has('resources', '*', resource, ...anySubresource) &&
    (names.length === 0 || names.includes(connector.name))
  );
}
