import { connectorsGroup } from '../../shared/connectors/api-group.js';
import type { DriverConfig } from '../../driver/config.js';
import { flagsConfigMapName } from '../../shared/connectors/feature-flags.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import type { FeatureFlags } from '../../shared/connectors/model.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import type { RequiredPermission } from '../../shared/doctor/permissions.js';
import { checkPermissionsOf } from '../../shared/doctor/permissions.js';

type PermissionConfig = Pick<DriverConfig, 'driver-name' | 'namespace' | 'allow-token-minting' | 'pod-events'>;

/**
 * Checks that the driver's service account has the permissions of the enabled features; one line per missing
 * permission.
 */
export function checkPermissions(
  client: KubeClient,
  config: PermissionConfig,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  return checkPermissionsOf('driver', client, config.namespace, (flags) => requiredPermissions(config, flags), signal);
}

function requiredPermissions(config: PermissionConfig, flags: FeatureFlags): readonly RequiredPermission[] {
  const base = 'the roles of deploy/manifests/driver.yaml';
  const reads = (permission: Omit<RequiredPermission, 'verb' | 'from'>): readonly RequiredPermission[] =>
    (['list', 'watch'] as const).map((verb) => ({ ...permission, verb, from: base }));
  const requests = { group: connectorsGroup, resource: 'accessrequests', from: 'the chart with approval.enabled=true' };
  const token = {
    group: '',
    resource: 'serviceaccounts',
    subresource: 'token',
    from: 'the chart with driver.tokenMinting=true',
  };
  const events = { group: 'events.k8s.io', resource: 'events', from: 'the chart with driver.events=true' };
  // The chart's admission policy recognizes the driver by it.
  const identity = { verb: 'identify' as const, group: connectorsGroup, resource: 'drivers' };
  return [
    ...reads({ group: connectorsGroup, resource: 'connectors' }),
    ...reads({ group: connectorsGroup, resource: 'connectorclasses' }),
    ...reads({ group: 'storage.k8s.io', resource: 'csidrivers', name: config['driver-name'] }),
    ...reads({ group: '', resource: 'configmaps', namespace: config.namespace, name: flagsConfigMapName }),
    { verb: 'create', group: 'authorization.k8s.io', resource: 'subjectaccessreviews', from: base },
    // An approval can only replace the proxy permission, so both flags must be on.
    ...(flags.connectorProxyPermissions && flags.connectorsApproval
      ? [
          ...(['list', 'watch', 'create'] as const).map((verb) => ({ verb, ...requests })),
          { ...identity, from: requests.from },
        ]
      : []),
    ...(config['pod-events'] ? [{ verb: 'create', ...events } as const] : []),
    ...(config['allow-token-minting']
      ? [
          { verb: 'create' as const, ...token },
          { ...identity, from: token.from },
        ]
      : []),
  ];
}
