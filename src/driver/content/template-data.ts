import type { JsonObject, JsonValue } from '../../json.js';
import { isJsonObject, jsonMember } from '../../json.js';
import type { Secret } from '../../secret.js';
import type { Connector, ConnectorClass } from '../../connectors/model.js';
import type { ClassGroup } from './configuration-selection.js';
import { originOf } from './proxy-endpoint.js';

/**
 * What a template sees as its dot (docs/writing-a-connectorclass.md).
 * @param params of the configuration being rendered.
 * @param token exposed each time that a render first looks into `context`, where it is.
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
    context: {
      get token() {
        return token.expose();
      },
      proxy: { caCert: caBundle ?? '' },
    },
    configurations: params,
  };
}

/** A class without a status of its own has the proxy of its connectors: `scheme://host[:port]` of the first one's. */
function proxyOriginOf(connector: Connector | undefined): string {
  return originOf(connector?.proxyAddress?.url ?? '') ?? '';
}

/** The whole object with `name`, `namespace` and `status.proxyAddress`, and the class's defaults filled in. */
function connectorView(connector: Connector, connectorClass: ConnectorClass): JsonObject {
  const spec = objectAt(connector.object, 'spec');
  const classSpec = objectAt(connectorClass.object, 'spec');
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
    status: { ...objectAt(connector.object, 'status'), proxyAddress: connector.proxyAddress?.url ?? '' },
  };
}

/**
 * A list of `{name, value}` with an entry for each one that the class declares with a default and the connector does
 * not set.
 */
function withDefaults(own: JsonValue | undefined, declared: JsonValue | undefined): readonly JsonValue[] {
  const set = listOf(own);
  const names = new Set(set.map((entry) => jsonMember(entry, 'name')));
  const missing = listOf(declared).flatMap((entry) => {
    const name = jsonMember(entry, 'name');
    const value = jsonMember(entry, 'default') ?? jsonMember(entry, 'value');
    return name === undefined || value === undefined || names.has(name) ? [] : [{ name, value }];
  });
  return [...set, ...missing];
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = jsonMember(object, key);
  return isJsonObject(value) ? value : {};
}
