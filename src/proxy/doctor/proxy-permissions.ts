import { connectorsGroup } from '../../shared/connectors/api-group.js';
import { flagsConfigMapName } from '../../shared/connectors/feature-flags.js';
import type { JsonValue } from '../../shared/json.js';
import { jsonMember } from '../../shared/json.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import { apiServerSlice } from '../api-server-endpoints.js';
import { serviceOf } from '../config.js';
import type { ProxyConfig } from '../config.js';
import type { Connector } from '../../shared/connectors/model.js';
import { caConfigMapName } from '../status/ca-config-map.js';
import { isFrontedBy } from '../status/proxy-service.js';
import { readConnectorObjects, readFlags } from '../../shared/doctor/cluster-objects.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { fail, ok, reasonOf } from '../../shared/doctor/check-result.js';
import type { RequiredPermission } from '../../shared/doctor/missing-permissions.js';
import { checkPermissionsOf, missingPermissions } from '../../shared/doctor/missing-permissions.js';

type PermissionConfig = Pick<ProxyConfig, 'namespace' | 'service' | 'write-status' | 'publish-ca-config-map'>;

const manifest = 'the roles of deploy/manifests/standalone.yaml';
/** Limit of namespaces that are checked. */
const maxNamespaces = 200;

/** Checks that the proxy's service account has all its permissions; one line per missing permission. */
export async function checkProxyPermissions(
  client: KubeClient,
  config: PermissionConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const consequence = 'the proxy serves no request until it can read the flags';
  const { result } = await readFlags(client, config.namespace, consequence, signal);
  return [result, ...(await checkPermissionsOf(client, requiredPermissions(config), "the proxy's", signal))];
}

function requiredPermissions({
  namespace,
  service,
  'write-status': writes,
  'publish-ca-config-map': publishesConfigMap,
}: PermissionConfig): readonly RequiredPermission[] {
  const permissions = (
    verbs: readonly RequiredPermission['verb'][],
    permission: Omit<RequiredPermission, 'verb' | 'from'>,
  ): readonly RequiredPermission[] => verbs.map((verb) => ({ ...permission, verb, from: manifest }));
  const leases = { group: 'coordination.k8s.io', resource: 'leases', namespace };
  const subresource = 'status';
  return [
    ...permissions(['list', 'watch'], { group: connectorsGroup, resource: 'connectors' }),
    ...permissions(['list', 'watch'], { group: connectorsGroup, resource: 'connectorclasses' }),
    ...permissions(['create'], { group: 'authentication.k8s.io', resource: 'tokenreviews' }),
    ...permissions(['create'], { group: 'authorization.k8s.io', resource: 'subjectaccessreviews' }),
    ...permissions(['list'], { group: connectorsGroup, resource: 'accessrequests' }),
    ...permissions(['list', 'watch', 'create'], { group: '', resource: 'secrets', namespace }),
    ...permissions(['list', 'watch'], { group: '', resource: 'configmaps', namespace, name: flagsConfigMapName }),
    ...permissions(['list', 'watch'], { group: 'discovery.k8s.io', resource: 'endpointslices', ...apiServerSlice }),
    ...(writes
      ? [
          ...permissions(['patch'], { group: connectorsGroup, resource: 'connectors', subresource }),
          ...permissions(['patch'], { group: connectorsGroup, resource: 'connectorclasses', subresource }),
          ...permissions(['create'], leases),
          ...permissions(['get', 'patch'], { ...leases, name: service }),
        ]
      : []),
    ...(writes && publishesConfigMap ? caConfigMapPermissions(namespace) : []),
  ];
}

function caConfigMapPermissions(namespace: string): readonly RequiredPermission[] {
  const configMaps = {
    group: '',
    resource: 'configmaps',
    namespace,
    from: 'the chart with imagePulls.enabled=true',
  } as const;
  return [
    { ...configMaps, verb: 'create' },
    { ...configMaps, verb: 'get', name: caConfigMapName },
    { ...configMaps, verb: 'patch', name: caConfigMapName },
  ];
}

/** A Secret of some Connector, and the permission to read it. */
interface NeededSecret extends RequiredPermission {
  readonly namespace: string;
  readonly owner: string;
}

/** Checks that the proxy can read the Secrets of Connectors: one review per namespace, for one Secret there. */
export async function checkCredentialPermissions(
  client: KubeClient,
  config: ProxyConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const check = 'credentials';
  try {
    const needed = neededSecrets(await ownConnectors(client, config, signal));
    const missing = await missingPermissions(client, needed, signal);
    if (missing.length === 0)
      return [ok(check, `Secrets can be read in the ${needed.length} namespaces of connectors that have some`)];
    return missing.map(({ namespace, owner }) => {
      const problem = `the proxy's service account cannot read the Secret of ${owner}`;
      const fix = `bind service account ${config.namespace}/connectors-proxy in namespace "${namespace}" to the ClusterRole connectors-proxy-credentials with a RoleBinding`;
      return fail(check, problem, fix);
    });
  } catch (error) {
    return [
      fail(check, `the permissions cannot be checked: ${reasonOf(error)}`, 'fix the lines about the API server first'),
    ];
  }
}

/** Returns the Connectors whose class names the Service of this proxy. @throws {KubeError} */
async function ownConnectors(
  client: KubeClient,
  config: ProxyConfig,
  signal: AbortSignal,
): Promise<readonly Connector[]> {
  const { connectors, classes } = await readConnectorObjects(client, signal);
  return connectors.filter(({ className }) => {
    const connectorClass = classes.get(className);
    return connectorClass !== undefined && isFrontedBy(connectorClass, serviceOf(config));
  });
}

function neededSecrets(connectors: readonly Connector[]): readonly NeededSecret[] {
  const byNamespace = new Map<string, NeededSecret>();
  for (const connector of connectors) {
    const name = secretName(connector.object['spec']);
    const { namespace } = connector.ref;
    if (name === undefined || byNamespace.has(namespace)) continue;
    const permission = { verb: 'get', group: '', resource: 'secrets', namespace, name, from: manifest } as const;
    byNamespace.set(namespace, { ...permission, owner: `connector ${namespace}/${connector.ref.name}` });
  }
  return [...byNamespace.values()].slice(0, maxNamespaces);
}

/** Returns the name of the credential's Secret, else of the CA's; undefined if the Connector references none. */
function secretName(spec: JsonValue | undefined): string | undefined {
  const refs = [jsonMember(jsonMember(spec, 'auth'), 'secretRef'), jsonMember(spec, 'caCertSecretRef')];
  return refs.map((ref) => jsonMember(ref, 'name')).find((name) => typeof name === 'string' && name !== '') as
    string | undefined;
}
