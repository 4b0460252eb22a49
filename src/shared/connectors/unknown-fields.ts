import type { JsonObject, JsonValue } from '../json.ts';
import { isJsonObject } from '../json.ts';
import { connectorsGroup } from './api-group.ts';
import fields from './generated/manifest-fields.json' with { type: 'json' };
import { metadataName } from './parse-connector.ts';

/** Names of fields, nested; `true` if a field's content is not described. */
type Fields = boolean | { readonly [name: string]: Fields };

/**
 * Returns a warning for each field of Connectors and ConnectorClasses that the CRDs do not have. An API server warns
 * about them too; without one a misspelt field would be ignored in silence.
 */
export function unknownFieldWarnings(objects: readonly JsonObject[]): readonly string[] {
  return objects.flatMap((object) => {
    const { apiVersion, kind } = object;
    const isOurs = typeof apiVersion === 'string' && apiVersion.startsWith(`${connectorsGroup}/`);
    if (!isOurs || typeof kind !== 'string') return [];
    const owner = `${kind.toLowerCase()} ${metadataName(object, 'name')}`;
    const known = (fields as Readonly<Record<string, Fields>>)[kind] ?? true;
    return unknownPaths(object, known, '').map((path) => `${owner}: unknown field ${path}`);
  });
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
