import { isJsonObject, jsonMember } from '../json.js';
import type { JsonObject, JsonValue } from '../json.js';

/** Reports whether the value has the metadata that identifies an object and its version. */
export function isKubeObject(value: JsonValue | undefined): value is JsonObject {
  if (!isJsonObject(value)) return false;
  const name = jsonMember(value['metadata'], 'name');
  const resourceVersion = jsonMember(value['metadata'], 'resourceVersion');
  return typeof name === 'string' && name !== '' && typeof resourceVersion === 'string' && resourceVersion !== '';
}

/** Returns `metadata.<field>` if it is a string, else undefined. */
export function metadataText(object: JsonObject, field: string): string | undefined {
  const value = jsonMember(object['metadata'], field);
  return typeof value === 'string' ? value : undefined;
}

/** Returns `metadata.generation`, which counts the changes of the spec; 0 if it is missing. */
export function generationOf(object: JsonObject): bigint {
  const generation = jsonMember(object['metadata'], 'generation');
  return typeof generation === 'bigint' ? generation : 0n;
}

/** Returns the key of an object in a reflector's state: `namespace/name`, or the name if it is cluster-scoped. */
export function objectKey({
  namespace,
  name,
}: {
  readonly namespace?: string | undefined;
  readonly name: string;
}): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Formats a time as a Kubernetes MicroTime. @param ms since the epoch. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
