import type { Connector } from '../../shared/connectors/model.js';
import type { JsonObject, JsonValue } from '../../shared/json.js';
import { isJsonObject, jsonItems, jsonObject } from '../../shared/json.js';
import type { SecretObject } from '../secrets/secret-source.js';

/**
 * Returns the dot of a probe's templates: `.Connector` and `.Secret`, with the field names of their Go types. `.Secret`
 * is null if the Connector has none.
 */
export function probeData({ object }: Connector, secret: SecretObject | undefined): JsonObject {
  return {
    Connector: connectorView(object),
    Secret: secret === undefined ? null : secretView(secret, (value) => value),
  };
}

/** Returns the same data with redacted secrets, for messages. */
export function shownProbeData({ object }: Connector, secret: SecretObject | undefined): JsonObject {
  return {
    Connector: connectorView(object),
    Secret: secret === undefined ? null : secretView(secret, () => '[REDACTED]'),
  };
}

function secretView({ ref, type, data }: SecretObject, show: (value: string) => string): JsonObject {
  const texts = Object.fromEntries([...data].map(([key, value]) => [key, show(value.expose())]));
  return { Name: ref.name, Namespace: ref.namespace, Type: type, StringData: texts, Data: texts };
}

function connectorView(object: JsonObject): JsonObject {
  const metadata = jsonObject(object, 'metadata');
  const spec = jsonObject(object, 'spec');
  const auth = jsonObject(spec, 'auth');
  return {
    ...goFields(metadata),
    Spec: {
      ...goFields(spec),
      AddressExtensions: namedValues(spec['addressExtensions']),
      Params: namedValues(spec['params']),
      Auth: {
        ...goFields(auth),
        SecretRef: goFields(jsonObject(auth, 'secretRef')),
        Params: namedValues(auth['params']),
      },
    },
  };
}

/** Converts a list of `{name, value}`. A value is a string, a list or an object. */
function namedValues(list: JsonValue | undefined): readonly JsonValue[] {
  return jsonItems(list)
    .filter(isJsonObject)
    .map((entry) => {
      const value = entry['value'] ?? null;
      const StringVal = typeof value === 'string' ? value : '';
      const ArrayVal = jsonItems(value);
      return { ...goFields(entry), Value: { StringVal, ArrayVal, ObjectVal: isJsonObject(value) ? value : {} } };
    });
}

function goFields(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key.slice(0, 1).toUpperCase() + key.slice(1), value]),
  );
}
