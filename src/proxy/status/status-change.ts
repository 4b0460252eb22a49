import type { JsonObject, JsonValue } from '../../shared/json.js';
import { jsonMember } from '../../shared/json.js';
import { isDeepStrictEqual } from 'node:util';

/** Members of `status` that the proxy writes; null removes a member. */
export type OwnStatus = Readonly<Record<string, JsonValue>>;

/**
 * Returns the merge patch that changes the proxy's part of a status to `wanted`; undefined if it is equal. The patch
 * has the object's resourceVersion, so it fails for any other revision.
 */
export function statusChange(object: JsonObject, wanted: OwnStatus): JsonObject | undefined {
  const status = differing(jsonMember(object, 'status'), wanted);
  if (status === undefined) return undefined;
  const resourceVersion = jsonMember(object['metadata'], 'resourceVersion') ?? '';
  return { metadata: { resourceVersion }, status };
}

/** Returns the part of a merge patch that differs from the current value. */
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
