import { connectorClassType, connectorType } from '../../connectors/kubernetes-connectors.js';
import type { Connector, ConnectorClass } from '../../connectors/model.js';
import { parseConnectorClass } from '../../connectors/parse-connector-class.js';
import { parseConnector } from '../../connectors/parse-connector.js';
import type { JsonObject } from '../../json.js';
import type { KubeClient } from '../../kube/kube-client.js';
import type { ResourceType } from '../../kube/resource-location.js';

/** The cluster's Connectors and classes, but for those that cannot be parsed: nobody mounts these. */
export interface ConnectorObjects {
  readonly connectors: readonly Connector[];
  readonly classes: ReadonlyMap<string, ConnectorClass>;
}

/** @throws {KubeError} */
export async function readConnectorObjects(client: KubeClient, signal: AbortSignal): Promise<ConnectorObjects> {
  const [classes, connectors] = await Promise.all([
    listParsed(client, connectorClassType, parseConnectorClass, signal),
    listParsed(client, connectorType, parseConnector, signal),
  ]);
  return { connectors, classes: new Map(classes.map((connectorClass) => [connectorClass.name, connectorClass])) };
}

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

/** `connector ci/harbor`. */
export function connectorName({ ref }: Connector): string {
  return `connector ${ref.namespace}/${ref.name}`;
}

/** The first of them, and how many more there are: `ci/harbor and 2 more`. */
export function firstOf([first = '', ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
