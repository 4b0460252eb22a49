import type { JsonObject } from '../json.ts';
import type { FeatureFlags } from './model.ts';
import { ObjectReader } from '../object-reader.ts';

/** Name of the ConfigMap with the flags, in the driver's namespace. */
export const flagsConfigMapName = 'connectors-config';

/** Flags without a ConfigMap (docs/configuration.md). */
export const defaultFlags: FeatureFlags = {
  connectorProxyPermissions: false,
  connectorsApproval: false,
  multiConnector: true,
};

/**
 * Parses the flags of the ConfigMap `connectors-config`.
 * @throws {CodedError} FAILED_PRECONDITION for a value other than "true" and "false": a guess could allow access.
 */
export function parseFeatureFlags(configMap: JsonObject): FeatureFlags {
  const data = new ObjectReader(`configmap ${flagsConfigMapName}`, configMap).child('data');
  const read = (key: string, fallback: boolean): boolean => {
    const value = data.optionalString(key) ?? '';
    if (value === '') return fallback;
    if (value !== 'true' && value !== 'false') throw data.malformed(key, 'must be "true" or "false"');
    return value === 'true';
  };
  return {
    connectorProxyPermissions: read('enable-connector-proxy-permissions', defaultFlags.connectorProxyPermissions),
    connectorsApproval: read('enable-connectors-approval', defaultFlags.connectorsApproval),
    multiConnector: read('enable-multi-connector', defaultFlags.multiConnector),
  };
}
