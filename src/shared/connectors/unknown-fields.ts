import type { JsonObject, JsonValue } from '../json.ts';
import { isJsonObject, jsonMember } from '../json.ts';
import { quote, suggestion } from '../message-text.ts';
import { connectorsApiVersion, connectorsGroup } from './api-group.ts';
import fields from './generated/manifest-fields.json' with { type: 'json' };
import type { ManifestFile } from './manifest-file.ts';
import { metadataName } from './parse-connector.ts';

/** Names of fields, nested; `true` if a field's content is not described. */
type Fields = boolean | { readonly [name: string]: Fields };

/**
 * Returns a warning for each field of Connectors and ConnectorClasses that the CRDs do not have, and for misspelt kinds, and
 * misspelt or missing API groups. An API server reports them too; without one they would be ignored in silence.
 */
export function manifestWarnings(files: readonly ManifestFile[]): readonly string[] {
  if (files.length === 0) return ['--manifests has no manifest: no file ends with .yaml, .yml or .json'];
  return files.flatMap(({ name, objects }) => objects.flatMap(unknownIn).map((problem) => `${name}: ${problem}`));
}

function unknownIn(object: JsonObject): readonly string[] {
  const { apiVersion, kind } = object;
  if (typeof kind !== 'string') return [];
  const namespace = jsonMember(object['metadata'], 'namespace');
  const name = `${typeof namespace === 'string' ? `${namespace}/` : ''}${metadataName(object, 'name')}`;
  const known = (fields as Readonly<Record<string, Fields>>)[kind];
  const what = `${kind.toLowerCase()} ${name}`;
  if (typeof apiVersion !== 'string')
    return known === undefined ? [] : [`${what} has no apiVersion: write ${connectorsApiVersion}`];
  if (!apiVersion.startsWith(`${connectorsGroup}/`)) {
    const near = known === undefined ? '' : suggestion(apiVersion, [connectorsApiVersion]);
    return near === '' ? [] : [`unknown apiVersion ${quote(apiVersion)} of ${what}${near}`];
  }
  // Other controllers can have kinds in this group.
  const hint = known === undefined ? suggestion(kind, Object.keys(fields)) : '';
  if (hint !== '') return [`unknown kind ${quote(kind)} of ${name}${hint}`];
  return unknownPaths(object, known ?? true, '').map((path) => `${what}: unknown field ${path}`);
}

function unknownPaths(value: JsonValue, known: Fields, path: string): readonly string[] {
  if (typeof known === 'boolean') return [];
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return items.flatMap((item, index) => unknownPaths(item, known, `${path}[${index}]`));
  }
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const at = path === '' ? name : `${path}.${name}`;
    return Object.hasOwn(known, name) ? unknownPaths(member, known[name] ?? true, at) : [at];
  });
}
