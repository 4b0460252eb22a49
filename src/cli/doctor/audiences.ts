import { audienceOf } from '../../driver/content/proxy-endpoint.js';
import type { DriverConfig } from '../../driver/config.js';
import type { KubeClient } from '../../shared/kube/kube-client.js';
import { quote } from '../../shared/wording.js';
import type { ConnectorObjects } from '../../shared/doctor/cluster-objects.js';
import { connectorName, firstOf, readObject } from '../../shared/doctor/cluster-objects.js';
import { csiDriverType, requestedAudiences } from './csi-driver-object.js';
import type { CheckResult } from '../../shared/doctor/check-result.js';
import { fail, ok, unchecked } from '../../shared/doctor/check-result.js';

type AudienceConfig = Pick<DriverConfig, 'driver-name' | 'token-audience'>;

const check = 'audiences';

/**
 * Checks that the CSIDriver object requests a token for each audience that a proxy of the cluster's connectors expects.
 * Returns one line per missing audience; another check covers that of --token-audience.
 * @param objects a failure to read them becomes a line.
 */
export async function checkAudiences(
  client: KubeClient,
  config: AudienceConfig,
  objects: Promise<ConnectorObjects>,
  signal: AbortSignal,
): Promise<readonly CheckResult[]> {
  try {
    const object = await readObject(client, { type: csiDriverType, name: config['driver-name'] }, signal);
    const expected = expectedAudiences(await objects, config['token-audience']);
    const missing = [...expected].filter(([audience]) => !requestedAudiences(object).has(audience));
    if (missing.length > 0) return missing.map(([audience, owners]) => missingAudience(audience, owners));
    return [ok(check, `tokens are requested for all ${expected.size + 1} audiences that connectors expect`)];
  } catch (error) {
    return [unchecked(check, error)];
  }
}

/** Returns the owners, such as `connector ci/harbor`, of each audience other than the usual one. */
function expectedAudiences(
  { connectors, classes }: ConnectorObjects,
  usual: string,
): ReadonlyMap<string, readonly string[]> {
  const expected = new Map<string, string[]>();
  const add = (audience: string, owner: string): void => {
    if (audience === usual) return;
    const owners = expected.get(audience) ?? [];
    owners.push(owner);
    expected.set(audience, owners);
  };
  for (const connector of connectors) {
    const connectorClass = classes.get(connector.className);
    if (connectorClass !== undefined)
      add(audienceOf(connector.proxyAddress, connectorClass, usual), connectorName(connector));
  }
  for (const connectorClass of classes.values()) {
    const { proxyAddress, name } = connectorClass;
    if (proxyAddress !== undefined) add(audienceOf(proxyAddress, connectorClass, usual), `connectorclass ${name}`);
  }
  return expected;
}

function missingAudience(audience: string, owners: readonly string[]): CheckResult {
  const problem = `tokenRequests: none for audience ${quote(audience)} of ${firstOf(owners)}, which no pod can mount`;
  return fail(check, problem, `add {audience: ${quote(audience)}, expirationSeconds: 1800} to spec.tokenRequests`);
}
