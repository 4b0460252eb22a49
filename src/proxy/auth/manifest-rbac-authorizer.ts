import type { Permission } from '../../shared/access/permission.ts';
import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { jsonItems, jsonMember, jsonText } from '../../shared/json.ts';
import type { Authorizer, ClientIdentity } from './ports.ts';

/**
 * RBAC with Roles, ClusterRoles and bindings from manifests. As in the API server, one rule of one binding suffices.
 * Aggregated ClusterRoles count with the rules written in them; aggregation is not evaluated.
 */
export class ManifestRbacAuthorizer implements Authorizer {
  readonly #objects: () => readonly JsonObject[];

  /** @param objects returns the current objects of all kinds. */
  constructor(objects: () => readonly JsonObject[]) {
    this.#objects = objects;
  }

  isAnyAllowed(client: ClientIdentity, permissions: readonly Permission[]): Promise<boolean> {
    return Promise.resolve(permissions.some((permission) => this.#isAllowed(client, permission)));
  }

  #isAllowed(client: ClientIdentity, permission: Permission): boolean {
    return this.#ofKind('RoleBinding', 'ClusterRoleBinding').some((binding) => {
      const isClusterWide = binding['kind'] === 'ClusterRoleBinding';
      const namespace = jsonText(jsonMember(binding, 'metadata'), 'namespace') ?? '';
      if (!isClusterWide && namespace !== permission.connector.namespace) return false;
      const isBound = jsonItems(jsonMember(binding, 'subjects')).some((subject) =>
        isSubject(subject, client, namespace),
      );
      return isBound && this.#rulesOf(binding, namespace).some((rule) => allows(rule, permission));
    });
  }

  #rulesOf(binding: JsonObject, namespace: string): readonly JsonValue[] {
    const kind = jsonText(jsonMember(binding, 'roleRef'), 'kind') ?? '';
    const name = jsonText(jsonMember(binding, 'roleRef'), 'name');
    if (kind !== 'ClusterRole' && (kind !== 'Role' || binding['kind'] === 'ClusterRoleBinding')) return [];
    const role = this.#ofKind(kind).find(
      (each) =>
        jsonText(jsonMember(each, 'metadata'), 'name') === name &&
        (kind === 'ClusterRole' || jsonText(jsonMember(each, 'metadata'), 'namespace') === namespace),
    );
    return role === undefined ? [] : jsonItems(jsonMember(role, 'rules'));
  }

  #ofKind(...kinds: readonly string[]): readonly JsonObject[] {
    return this.#objects().filter(
      (object) =>
        kinds.includes(jsonText(object, 'kind') ?? '') &&
        jsonText(object, 'apiVersion') === 'rbac.authorization.k8s.io/v1',
    );
  }
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
