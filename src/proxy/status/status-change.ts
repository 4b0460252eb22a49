import type { JsonObject, JsonValue } from '../../json.js';
import { jsonMember } from '../../json.js';
import { isDeepStrictEqual } from 'node:util';

/** The members of `status` that the proxy writes; null takes one away. */
export type OwnStatus = Readonly<Record<string, JsonValue>>;

/**
 * What has to be changed in the status of an object for the proxy's part of it to be `wanted`, as a merge patch that counts
 * only for the object as it was read. Undefined: nothing.
 */
export function statusChange(object: JsonObject, wanted: OwnStatus): JsonObject | undefined {
  const status = differing(jsonMember(object, 'status'), wanted);
  if (status === undefined) return undefined;
  const resourceVersion = jsonMember(object['metadata'], 'resourceVersion') ?? '';
  return { metadata: { resourceVersion }, status };
}

/** The part of a merge patch that is not so already. */
function differing(current: JsonValue | undefined, wanted: OwnStatus): JsonObject | undefined {
  const changes = Object.entries(wanted).flatMap(([key, value]): [string, JsonValue][] => {
    const now = jsonMember(current, key);
    if (isObject(value)) {
      const inner = differing(now, value);
      return inner === undefined ? [] : [[key, inner]];
    }
    return isDeepStrictEqual(now, value) ? [] : [[key, value]];
  });
  return changes.length === 0 ? undefined : Object.fromEntries(changes);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
