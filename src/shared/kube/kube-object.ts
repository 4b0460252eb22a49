import { jsonMember } from '../json.ts';
import type { JsonObject } from '../json.ts';

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

/** Formats a time as a Kubernetes MicroTime. @param ms since the epoch. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
