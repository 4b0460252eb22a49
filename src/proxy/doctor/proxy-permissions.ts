import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import { flagsConfigMapName } from '../../shared/connectors/feature-flags.ts';
import { apiServerSlice } from '../api-server-endpoints.ts';
import type { ProxyConfig } from '../config.ts';
import { caConfigMapName } from '../status/ca-config-map.ts';
import type { RequiredPermission } from '../../shared/doctor/permissions.ts';
import { permissionsFrom } from '../../shared/doctor/permissions.ts';

const base = permissionsFrom('the roles of deploy/manifests/standalone.yaml');
const imagePulls = permissionsFrom('the chart with imagePulls.enabled=true');

/** Returns the permissions that the proxy's service account needs. */
export function proxyPermissions({
  namespace,
  service,
  'write-status': writes,
  'publish-ca-config-map': publishesConfigMap,
}: Pick<
  ProxyConfig,
  'namespace' | 'service' | 'write-status' | 'publish-ca-config-map'
>): readonly RequiredPermission[] {
  const leases = { group: 'coordination.k8s.io', resource: 'leases', namespace };
  const configMaps = { group: '', resource: 'configmaps', namespace };
  const subresource = 'status';
  return [
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectors' }),
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectorclasses' }),
    ...base(['identify'], { group: connectorsGroup, resource: 'proxies' }),
    ...base(['create'], { group: 'authentication.k8s.io', resource: 'tokenreviews' }),
    ...base(['create'], { group: 'authorization.k8s.io', resource: 'subjectaccessreviews' }),
    ...base(['list'], { group: connectorsGroup, resource: 'accessrequests' }),
    ...base(['list', 'watch', 'create'], { group: '', resource: 'secrets', namespace }),
    ...base(['list', 'watch'], { group: '', resource: 'configmaps', namespace, name: flagsConfigMapName }),
    ...base(['list', 'watch'], { group: 'discovery.k8s.io', resource: 'endpointslices', ...apiServerSlice }),
    ...(writes
      ? [
          ...base(['patch'], { group: connectorsGroup, resource: 'connectors', subresource }),
          ...base(['patch'], { group: connectorsGroup, resource: 'connectorclasses', subresource }),
          ...base(['create'], leases),
          ...base(['get', 'patch'], { ...leases, name: service }),
        ]
      : []),
    ...(writes && publishesConfigMap
      ? [
          ...imagePulls(['create'], configMaps),
          ...imagePulls(['get', 'patch'], { ...configMaps, name: caConfigMapName }),
        ]
      : []),
  ];
}
