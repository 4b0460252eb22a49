import { createHash } from 'node:crypto';
import { CodedError, orCodedError } from '../errors.js';
import type { JsonObject, JsonValue } from '../json.js';
import { isJsonObject, jsonMember } from '../json.js';
import { YamlError, parseYaml } from '../kube/yaml-documents.js';
import { connectorsGroup } from './api-group.js';
import type { Connector, ConnectorClass, FeatureFlags } from './model.js';
import { flagsConfigMapName, parseFeatureFlags } from './feature-flags.js';
import { metadataName, parseConnector } from './parse-connector.js';
import { parseConnectorClass } from './parse-connector-class.js';

/** A parsed object, or the error of a malformed one. Only callers that need the object get the error. */
export type OrError<T> = T | CodedError;

/** Content of a manifest file. Other kinds are ignored. */
export interface ManifestFile {
  /** Keys are `namespace/name`. */
  readonly connectors: ReadonlyMap<string, OrError<Connector>>;
  readonly classes: ReadonlyMap<string, OrError<ConnectorClass>>;
  /** Undefined if the file has no flags. */
  readonly flags: OrError<FeatureFlags> | undefined;
}

/**
 * Parses the documents of a YAML or JSON manifest file.
 * @param namespace namespace of the ConfigMap `connectors-config`.
 * @throws {CodedError} FAILED_PRECONDITION with the line of a syntax error.
 */
export function parseManifestFile(text: string, namespace: string): ManifestFile {
  const objects = parseObjects(text);
  const ofKind = (kind: string): readonly JsonObject[] =>
    objects.filter((object) => object['kind'] === kind && isOfGroup(object, connectorsGroup));
  const configMap = objects.find(
    (object) =>
      object['kind'] === 'ConfigMap' && metadataName(object, 'name') === flagsConfigMapName && isIn(object, namespace),
  );
  return {
    connectors: new Map(
      ofKind('Connector').map((object) => [
        `${metadataName(object, 'namespace')}/${metadataName(object, 'name')}`,
        orCodedError(() => ({ ...parseConnector(object), version: digestOf(object) })),
      ]),
    ),
    classes: new Map(
      ofKind('ConnectorClass').map((object) => [
        metadataName(object, 'name'),
        orCodedError(() => ({ ...parseConnectorClass(object), version: digestOf(object) })),
      ]),
    ),
    flags: configMap === undefined ? undefined : orCodedError(() => parseFeatureFlags(configMap)),
  };
}

/** Returns the version of an object of a manifest: its author can change it and leave its resourceVersion. */
function digestOf(object: JsonObject): string {
  const text = JSON.stringify(object, (_key, member: unknown) => (typeof member === 'bigint' ? `${member}n` : member));
  return createHash('sha256').update(text).digest('base64');
}

/**
 * Returns the objects in a YAML or JSON text, with the items of each `kind: List`.
 * @throws {CodedError} FAILED_PRECONDITION with the line of a syntax error.
 */
export function parseObjects(text: string): readonly JsonObject[] {
  const seen = new Map<object, JsonValue | undefined>();
  return valuesIn(text).flatMap((document) => {
    const value = toJson(document, seen);
    return isJsonObject(value) ? itemsOf(value) : [];
  });
}

function valuesIn(text: string): readonly unknown[] {
  try {
    return parseYaml(text, { intAsBigInt: true });
  } catch (error) {
    if (error instanceof YamlError) throw new CodedError('FAILED_PRECONDITION', error.message);
    throw error;
  }
}

/** Returns the errors of the file, one per malformed object. */
export function errorsIn({ connectors, classes, flags }: ManifestFile): readonly CodedError[] {
  return [...connectors.values(), ...classes.values(), flags].filter((object) => object instanceof CodedError);
}

/** Returns the items of a `kind: List`, or the object itself. */
function itemsOf(object: JsonObject): readonly JsonObject[] {
  const items = jsonMember(object, 'items');
  if (object['kind'] !== 'List' || !Array.isArray(items)) return [object];
  return (items as readonly JsonValue[]).filter(isJsonObject);
}

function isOfGroup(object: JsonObject, group: string): boolean {
  const apiVersion = jsonMember(object, 'apiVersion');
  return typeof apiVersion === 'string' && apiVersion.startsWith(`${group}/`);
}

function isIn(object: JsonObject, namespace: string): boolean {
  const own = jsonMember(jsonMember(object, 'metadata'), 'namespace');
  return own === undefined || own === namespace;
}

/**
 * Converts YAML values to those that the API server would store. A float without a fraction becomes an integer, because
 * manifests are sent as JSON, where `1.0` is written `1`.
 * @param seen converted values, because aliases of one anchor are one value; undefined during a conversion.
 */
function toJson(value: unknown, seen: Map<object, JsonValue | undefined>): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? value : Number(value);
    case 'number':
      if (!Number.isFinite(value)) throw new CodedError('FAILED_PRECONDITION', `${value} is not a JSON number`);
      return Number.isInteger(value) && Math.abs(value) < 2 ** 63 ? BigInt(value) : value;
    case 'object':
      return value === null ? null : collectionToJson(value, seen);
    default:
      return null;
  }
}

function collectionToJson(value: object, seen: Map<object, JsonValue | undefined>): JsonValue {
  if (seen.has(value)) {
    const earlier = seen.get(value);
    if (earlier === undefined) throw new CodedError('FAILED_PRECONDITION', 'not YAML (an alias within its own anchor)');
    return earlier;
  }
  seen.set(value, undefined);
  const converted = Array.isArray(value)
    ? value.map((item) => toJson(item, seen))
    : Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toJson(member, seen)]));
  seen.set(value, converted);
  return converted;
}
