import { connectorClassType, connectorType } from '../../connectors/kubernetes-connectors.js';
import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { parseConnectorClass } from '../../connectors/parse-connector-class.js';
import { parseConnector } from '../../connectors/parse-connector.js';
import { audienceOf } from '../../driver/content/proxy-endpoint.js';
import type { DriverConfig } from '../../driver/config.js';
import type { JsonObject } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { ResourceType } from '../../kube/resource-location.js';
import { quote } from '../../wording.js';
import { csiDriverType, requestedAudiences } from './csi-driver-object.js';
import type { Finding } from './finding.js';
import { fail, ok, reasonOf } from './finding.js';
import { readObject } from './read-object.js';

type AudienceConfig = Pick<DriverConfig, 'driver-name' | 'token-audience'>;

const check = 'audiences';

/**
 * Whether the CSIDriver object asks the kubelet for a token of each audience that a proxy of the cluster's connectors
 * expects; one line for every audience that is missing. That of --token-audience is the other check's.
 */
export async function checkAudiences(
  client: KubeClient,
  config: AudienceConfig,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  try {
    const object = await readObject(client, { type: csiDriverType, name: config['driver-name'] }, signal);
    const expected = await expectedAudiences(client, config['token-audience'], signal);
    const missing = [...expected].filter(([audience]) => !requestedAudiences(object).has(audience));
    if (missing.length > 0) return missing.map(([audience, owners]) => missingAudience(audience, owners));
    return [ok(check, `tokens are requested for all ${expected.size + 1} audiences that connectors expect`)];
  } catch (error) {
    return [
      fail(check, `cannot be told: ${reasonOf(error)}`, 'mend the lines about the API server and about rights first'),
    ];
  }
}

/** Who expects tokens for an audience other than the usual one, by audience: `connector ci/harbor`. */
async function expectedAudiences(
  client: KubeClient,
  usual: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const [classes, connectors] = await Promise.all([
    listParsed(client, connectorClassType, parseConnectorClass, signal),
    listParsed(client, connectorType, parseConnector, signal),
  ]);
  const classesByName = new Map(classes.map((connectorClass) => [connectorClass.name, connectorClass]));
  const expected = new Map<string, string[]>();
  const add = (audience: string, owner: string): void => {
    if (audience === usual) return;
    const owners = expected.get(audience) ?? [];
    owners.push(owner);
    expected.set(audience, owners);
  };
  for (const connector of connectors) {
    const connectorClass = classesByName.get(connector.className);
    if (connectorClass !== undefined) add(...audienceWithOwner(connector, connectorClass, usual));
  }
  for (const connectorClass of classes) {
    const { proxyAddress, name } = connectorClass;
    if (proxyAddress !== undefined) add(audienceOf(proxyAddress, connectorClass, usual), `connectorclass ${name}`);
  }
  return expected;
}

function audienceWithOwner(
  { ref, proxyAddress }: Connector,
  connectorClass: ConnectorClass,
  usual: string,
): [audience: string, owner: string] {
  return [audienceOf(proxyAddress, connectorClass, usual), `connector ${ref.namespace}/${ref.name}`];
}

/** What cannot be parsed is mounted by nobody. */
async function listParsed<T>(
  client: KubeClient,
  type: ResourceType,
  parse: (object: JsonObject) => T,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const { items } = await client.list({ type }, {}, { signal, retry: false });
  return items.flatMap((item) => {
    try {
      return [parse(item)];
    } catch {
      return [];
    }
  });
}

function missingAudience(audience: string, [first = '', ...others]: readonly string[]): Finding {
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const problem = `tokenRequests: none for audience ${quote(audience)} of ${first}${more}, which no pod can mount`;
  return fail(check, problem, `add {audience: ${quote(audience)}, expirationSeconds: 1800} to spec.tokenRequests`);
}
