import { connectorsGroup } from '../../shared/connectors/api-group.ts';
import type { DriverConfig } from '../../driver/config.ts';
import { flagsConfigMapName } from '../../shared/connectors/feature-flags.ts';
import type { FeatureFlags } from '../../shared/connectors/model.ts';
import type { RequiredPermission } from '../../shared/doctor/permissions.ts';
import { permissionsFrom } from '../../shared/doctor/permissions.ts';

const base = permissionsFrom('the roles of deploy/manifests/driver.yaml');
const approval = permissionsFrom('the chart with approval.enabled=true');
const minting = permissionsFrom('the chart with driver.tokenMinting=true');
/** The chart's admission policy recognizes the driver by the verb `identify`. */
const drivers = { group: connectorsGroup, resource: 'drivers' };

/** Returns the permissions that the driver's service account needs for the enabled features. */
export function driverPermissions(
  config: Pick<DriverConfig, 'driver-name' | 'namespace' | 'allow-token-minting'>,
  flags: FeatureFlags,
): readonly RequiredPermission[] {
  const { namespace } = config;
  const tokens = { group: '', resource: 'serviceaccounts', subresource: 'token' };
  return [
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectors' }),
    ...base(['list', 'watch'], { group: connectorsGroup, resource: 'connectorclasses' }),
    ...base(['list', 'watch'], { group: 'storage.k8s.io', resource: 'csidrivers', name: config['driver-name'] }),
    ...base(['list', 'watch'], { group: '', resource: 'configmaps', namespace, name: flagsConfigMapName }),
    ...base(['create'], { group: 'authorization.k8s.io', resource: 'subjectaccessreviews' }),
    // An approval can only replace the proxy permission, so both flags must be on.
    ...(flags.connectorProxyPermissions && flags.connectorsApproval
      ? [
          ...approval(['list', 'watch', 'create'], { group: connectorsGroup, resource: 'accessrequests' }),
          ...approval(['identify'], drivers),
        ]
      : []),
    ...(config['allow-token-minting'] ? [...minting(['create'], tokens), ...minting(['identify'], drivers)] : []),
  ];
}
