import { connectorsGroup } from '../../../connectors/api-group.js';
import { flagsConfigMapName } from '../../../connectors/feature-flags.js';
import type { JsonValue } from '../../../json.js';
import { jsonMember } from '../../../json.js';
import type { KubeClient } from '../../../kube/kube-client.js';
import { apiServerSlice } from '../../../proxy/api-server-endpoints.js';
import type { ProxyConfig } from '../../../proxy/config.js';
import { connectorName } from '../connector-objects.js';
import type { CheckResult } from '../check-result.js';
import { fail, ok, reasonOf } from '../check-result.js';
import { readFlags } from '../read-flags.js';
import type { RequiredPermission } from '../missing-permissions.js';
import { checkPermissionsOf, missingPermissions } from '../missing-permissions.js';
import type { OwnObjects } from './own-objects.js';

type RightsConfig = Pick<ProxyConfig, 'namespace' | 'service' | 'write-status'>;

const manifest = 'deploy/proxy/rbac.yaml';
/** More namespaces than this are not asked about. */
const maxNamespaces = 200;

/** Whether the proxy's account may do all that it has to; one line for every right that is missing. */
export async function checkProxyPermissions(
  client: KubeClient,
  config: RightsConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const consequence = 'the proxy serves nobody until it can read the flags';
  const { result } = await readFlags(client, config.namespace, consequence, signal);
  return [result, ...(await checkPermissionsOf(client, neededRights(config), "the proxy's", signal))];
}

function neededRights({ namespace, service, 'write-status': writes }: RightsConfig): readonly RequiredPermission[] {
  const rights = (
    verbs: readonly RequiredPermission['verb'][],
    right: Omit<RequiredPermission, 'verb' | 'from'>,
  ): readonly RequiredPermission[] => verbs.map((verb) => ({ ...right, verb, from: manifest }));
  const leases = { group: 'coordination.k8s.io', resource: 'leases', namespace };
  const subresource = 'status';
  return [
    ...rights(['list', 'watch'], { group: connectorsGroup, resource: 'connectors' }),
    ...rights(['list', 'watch'], { group: connectorsGroup, resource: 'connectorclasses' }),
    ...rights(['create'], { group: 'authentication.k8s.io', resource: 'tokenreviews' }),
    ...rights(['create'], { group: 'authorization.k8s.io', resource: 'subjectaccessreviews' }),
    ...rights(['get', 'list'], { group: connectorsGroup, resource: 'accessrequests' }),
    ...rights(['list', 'watch', 'create'], { group: '', resource: 'secrets', namespace }),
    ...rights(['list', 'watch'], { group: '', resource: 'configmaps', namespace, name: flagsConfigMapName }),
    ...rights(['list', 'watch'], { group: 'discovery.k8s.io', resource: 'endpointslices', ...apiServerSlice }),
    ...(writes
      ? [
          ...rights(['patch'], { group: connectorsGroup, resource: 'connectors', subresource }),
          ...rights(['patch'], { group: connectorsGroup, resource: 'connectorclasses', subresource }),
          ...rights(['create'], leases),
          ...rights(['get', 'patch'], { ...leases, name: service }),
        ]
      : []),
  ];
}

/** A Secret of some Connector, and the right to read it. */
interface NeededSecret extends RequiredPermission {
  readonly namespace: string;
  readonly owner: string;
}

/** Whether the proxy may read what the Connectors refer to: asked once for each namespace, about one Secret there. */
export async function checkCredentialPermissions(
  client: KubeClient,
  { connectors }: OwnObjects,
  { namespace: own }: RightsConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  const check = 'credentials';
  const byNamespace = new Map<string, NeededSecret>();
  for (const connector of connectors) {
    const name = secretName(connector.object['spec']);
    const { namespace } = connector.ref;
    if (name === undefined || byNamespace.has(namespace)) continue;
    const right = { verb: 'get', group: '', resource: 'secrets', namespace, name, from: manifest } as const;
    byNamespace.set(namespace, { ...right, owner: connectorName(connector) });
  }
  const needed = [...byNamespace.values()].slice(0, maxNamespaces);
  try {
    const missing = await missingPermissions(client, needed, signal);
    if (missing.length === 0)
      return [ok(check, `Secrets can be read in the ${needed.length} namespaces of connectors that have some`)];
    return missing.map(({ namespace, owner }) => {
      const problem = `the proxy's account may not read the Secret of ${owner}`;
      const fix = `bind service account ${own}/connectors-proxy in namespace "${namespace}" to the ClusterRole connectors-proxy-credentials with a RoleBinding`;
      return fail(check, problem, fix);
    });
  } catch (error) {
    return [
      fail(check, `the rights cannot be asked for: ${reasonOf(error)}`, 'mend the lines about the API server first'),
    ];
  }
}

/** Of the credential, else of the CA; undefined where the Connector refers to none. */
function secretName(spec: JsonValue | undefined): string | undefined {
  const refs = [jsonMember(jsonMember(spec, 'auth'), 'secretRef'), jsonMember(spec, 'caCertSecretRef')];
  return refs.map((ref) => jsonMember(ref, 'name')).find((name) => typeof name === 'string' && name !== '') as
    string | undefined;
}
