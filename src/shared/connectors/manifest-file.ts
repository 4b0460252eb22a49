import { createHash } from 'node:crypto';
import { CodedError, orCodedError } from '../errors.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { isJsonObject, jsonAt, jsonMember } from '../json.ts';
import { YamlError, parseYaml } from '../kube/yaml-documents.ts';
import { connectorsGroup } from './api-group.ts';
import type { Connector, ConnectorClass, FeatureFlags } from './model.ts';
import { flagsConfigMapName, parseFeatureFlags } from './feature-flags.ts';
import { metadataName, parseConnector } from './parse-connector.ts';
import { parseConnectorClass } from './parse-connector-class.ts';

/** A parsed object, or the error of a malformed one. Only callers that need the object get the error. */
export type OrError<T> = T | CodedError;

/** Content of a manifest file. */
export interface ManifestFile {
  readonly name: string;
  /** Objects of all kinds. */
  readonly objects: readonly JsonObject[];
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
export function parseManifestFile(text: string, namespace: string, name = ''): ManifestFile {
  const objects = parseObjects(text);
  const ofKind = (kind: string): readonly JsonObject[] =>
    objects.filter((object) => object['kind'] === kind && isOfGroup(object, connectorsGroup));
  const configMap = objects.find(
    (object) =>
      object['kind'] === 'ConfigMap' && metadataName(object, 'name') === flagsConfigMapName && isIn(object, namespace),
  );
  return {
    name,
    objects,
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
function parseObjects(text: string): readonly JsonObject[] {
  try {
    return parseYaml(text).flatMap((value) => (isJsonObject(value) ? itemsOf(value) : []));
  } catch (error) {
    if (error instanceof YamlError) throw new CodedError('FAILED_PRECONDITION', error.message);
    throw error;
  }
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
  const own = jsonAt(object, 'metadata', 'namespace');
  return own === undefined || own === namespace;
}
