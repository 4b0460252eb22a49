import { accessRequests, isAbout } from '../../shared/access/access-request.ts';
import { approvalStateOf } from '../../shared/access/approval-state.ts';
import { DirectoryConnectors } from '../../shared/connectors/directory-connectors.ts';
import { CodedError, orThrow } from '../../shared/errors.ts';
import type { Permission } from '../../shared/access/permission.ts';
import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { jsonItems, jsonMember, jsonText } from '../../shared/json.ts';
import { parsedOnce } from '../../shared/per-object.ts';
import type { Log } from '../../shared/log.ts';
import type { DecisionSources } from '../backend.ts';
import type { Authorizer, ClientIdentity, PodApprovals } from '../auth/ports.ts';
import type { ConnectorLookup } from '../connectors/connector-informer.ts';
import { caLabel, parseSecret } from '../secrets/secret-source.ts';
import type { SecretObject, SecretSource } from '../secrets/secret-source.ts';
import { objectKey } from '../../shared/names.ts';

interface ManifestSources {
  readonly sources: DecisionSources;
  readonly directory: DirectoryConnectors;
}

/** Returns the current objects of all kinds. */
type Objects = () => readonly JsonObject[];

/**
 * Creates what decides about requests with a directory of manifests.
 * @param namespace the proxy's.
 */
export function manifestSources(directory: string, namespace: string, log: Log): ManifestSources {
  const source = new DirectoryConnectors({ directory, namespace, log });
  const objects = (): readonly JsonObject[] => source.objects();
  return {
    sources: {
      authorizer: rbacIn(objects),
      approvals: approvalsIn(objects),
      flags: () => source.flags(),
      connectors: lookupIn(source),
      secrets: secretsIn(objects, namespace),
      subjectTokens: undefined,
    },
    directory: source,
  };
}

function approvalsIn(objects: Objects): PodApprovals {
  return {
    isGranted: (subject) =>
      Promise.resolve(
        objects().some(
          (object) =>
            object['apiVersion'] === accessRequests.apiVersion &&
            object['kind'] === accessRequests.kind &&
            isAbout(subject, object) &&
            approvalStateOf(object).kind === 'granted',
        ),
      ),
  };
}

function secretsIn(objects: Objects, namespace: string): SecretSource {
  /** Credentials and trust stores are cached with the parsed Secret as key. */
  const parsed = parsedOnce(parseSecret);
  const secrets = (isWanted: (object: JsonObject) => boolean): readonly SecretObject[] =>
    objects()
      .filter((object) => object['kind'] === 'Secret' && object['apiVersion'] === 'v1' && isWanted(object))
      .map((object) => orThrow(parsed(object)));
  const isIn = ({ metadata = null }: JsonObject, wanted: string): boolean => jsonText(metadata, 'namespace') === wanted;
  return {
    get: (ref) =>
      secrets((object) => isIn(object, ref.namespace) && jsonText(object['metadata'], 'name') === ref.name).at(0),
    // Nothing is cached.
    expire: () => undefined,
    labelledCas: () =>
      secrets(
        (object) => isIn(object, namespace) && jsonText(jsonMember(object['metadata'], 'labels'), caLabel) === 'true',
      ),
  };
}

function lookupIn(source: DirectoryConnectors): ConnectorLookup {
  return {
    find: (ref) => {
      const found = source.find([ref]);
      if (!(found instanceof CodedError)) return found[0];
      if (found.code !== 'NOT_FOUND') throw found;
      if (!source.connectorNames().includes(objectKey(ref))) return undefined;
      // Its class is missing.
      throw new CodedError('FAILED_PRECONDITION', found.message, { cause: found });
    },
  };
}

/**
 * RBAC with Roles, ClusterRoles and bindings from manifests. As in the API server, one rule of one binding suffices.
 * Aggregated ClusterRoles count with the rules written in them; aggregation is not evaluated.
 */
function rbacIn(objects: Objects): Authorizer {
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
