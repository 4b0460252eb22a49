import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { jsonItems, jsonMember, jsonObject } from '../../shared/json.ts';
import type { Secret } from '../../shared/secret.ts';
import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import type { ClassGroup } from './configuration-selection.ts';
import { originOf } from './proxy-endpoint.ts';

/**
 * Returns the data of a class's templates, their dot (docs/writing-a-connectorclass.md).
 * @param params of the configuration to render.
 */
export function templateData(
  { connectorClass, connectors }: ClassGroup,
  params: JsonObject,
  token: Secret,
  caBundle: string | undefined,
): JsonObject {
  const views = connectors.map((connector) => connectorView(connector, connectorClass));
  return {
    connector: views[0] ?? null,
    connectors: views,
    connectorclass: {
      ...connectorClass.object,
      name: connectorClass.name,
      proxyAddress: connectorClass.proxyAddress?.url ?? proxyOriginOf(connectors[0]),
    },
    context: { token: token.expose(), proxy: { caCert: caBundle ?? '' } },
    configurations: params,
  };
}

/** Returns `scheme://host[:port]` of the first connector's proxy, for a class without an address in its status. */
function proxyOriginOf(connector: Connector | undefined): string {
  return originOf(connector?.proxyAddress?.url ?? '') ?? '';
}

/** Returns the whole object with `name`, `namespace` and `status.proxyAddress`, and with the class's defaults. */
function connectorView(connector: Connector, connectorClass: ConnectorClass): JsonObject {
  const spec = jsonObject(connector.object, 'spec');
  const classSpec = jsonObject(connectorClass.object, 'spec');
  return {
    ...connector.object,
    name: connector.ref.name,
    namespace: connector.ref.namespace,
    spec: {
      ...spec,
      params: withDefaults(jsonMember(spec, 'params'), jsonMember(classSpec, 'params')),
      addressExtensions: withDefaults(
        jsonMember(spec, 'addressExtensions'),
        jsonMember(classSpec, 'addressExtensions'),
      ),
    },
    status: { ...jsonObject(connector.object, 'status'), proxyAddress: connector.proxyAddress?.url ?? '' },
  };
}

/** Returns the list of `{name, value}`, with an entry for each default of the class that the connector does not set. */
function withDefaults(own: JsonValue | undefined, declared: JsonValue | undefined): readonly JsonValue[] {
  const set = jsonItems(own);
  const names = new Set(set.map((entry) => jsonMember(entry, 'name')));
  const missing = jsonItems(declared).flatMap((entry) => {
    const name = jsonMember(entry, 'name');
    const value = jsonMember(entry, 'default') ?? jsonMember(entry, 'value');
    return name === undefined || value === undefined || names.has(name) ? [] : [{ name, value }];
  });
  return [...set, ...missing];
}
