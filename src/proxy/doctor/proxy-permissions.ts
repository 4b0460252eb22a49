import { connectorsGroup } from '../../shared/connectors/api-group.js';
import { flagsConfigMapName } from '../../shared/connectors/feature-flags.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import { apiServerSlice } from '../api-server-endpoints.js';
import type { ProxyConfig } from '../config.js';
import { caConfigMapName } from '../status/ca-config-map.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import type { RequiredPermission } from '../../shared/doctor/permissions.js';
import { checkPermissionsOf } from '../../shared/doctor/permissions.js';

type PermissionConfig = Pick<ProxyConfig, 'namespace' | 'service' | 'write-status' | 'publish-ca-config-map'>;

const manifest = 'the roles of deploy/manifests/standalone.yaml';

/** Checks that the proxy's service account has all its permissions; one line per missing permission. */
export function checkProxyPermissions(
  client: KubeClient,
  config: PermissionConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  return checkPermissionsOf('proxy', client, config.namespace, () => requiredPermissions(config), signal);
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
