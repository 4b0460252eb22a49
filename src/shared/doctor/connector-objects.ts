import { connectorClassType, connectorType } from '../connectors/api-group.js';
import type { Connector, ConnectorClass } from '../connectors/model.js';
import { parseConnectorClass } from '../connectors/parse-connector-class.js';
import { parseConnector } from '../connectors/parse-connector.js';
import type { JsonObject } from '../json.js';
import type { KubeClient } from '../kube/kube-client.js';
import type { ResourceType } from '../kube/resource-location.js';

/** The cluster's Connectors and classes, without malformed ones, which cannot be mounted. */
export interface ConnectorObjects {
  readonly connectors: readonly Connector[];
  readonly classes: ReadonlyMap<string, ConnectorClass>;
}

/** Reads all Connectors and classes. @throws {KubeError} */
export async function readConnectorObjects(client: KubeClient, signal: AbortSignal): Promise<ConnectorObjects> {
  const list = async (type: ResourceType): Promise<readonly JsonObject[]> => {
    const objects: JsonObject[] = [];
    for await (const { items } of client.pages({ type }, {}, { signal, retry: false })) objects.push(...items);
    return objects;
  };
  const [classes, connectors] = await Promise.all([list(connectorClassType), list(connectorType)]);
  return {
    connectors: parsed(connectors, parseConnector),
    classes: new Map(
      parsed(classes, parseConnectorClass).map((connectorClass) => [connectorClass.name, connectorClass]),
    ),
  };
}

function parsed<T>(objects: readonly JsonObject[], parse: (object: JsonObject) => T): readonly T[] {
  return objects.flatMap((object) => {
    try {
      return [parse(object)];
    } catch {
      return [];
    }
  });
}

/** Returns `connector ci/harbor`. */
export function connectorName({ ref }: Connector): string {
  return `connector ${ref.namespace}/${ref.name}`;
}

/** Returns the first name and the number of others: `ci/harbor and 2 more`. */
export function firstOf([first = '', ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}
