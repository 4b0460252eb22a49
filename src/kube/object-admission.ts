import { CodedError } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { JsonObject } from '../json.js';
import { malformed, parseBytes } from './response-body.js';
import { isKubeObject, objectKey } from './kube-object.js';
import type { RawObject } from './object-splitter.js';

export interface ObjectIdentity {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Limits on the objects that a reader accepts. */
export interface ObjectAdmission {
  /** Limit of an object's JSON without managed fields. */
  readonly maxObjectBytes: number;
  /**
   * Checks an object's memory before it is parsed. @returns why it is rejected; undefined to admit it. Absent: no
   * memory limit.
   */
  readonly admit?: (heapBytes: number, object: ObjectIdentity) => CodedError | undefined;
}

/** An object that exists but was not admitted. */
export interface RejectedObject {
  readonly namespace: string | undefined;
  /** Undefined if the object was so large that its name was not found. */
  readonly name: string | undefined;
  /** Returned only to callers that need this object. */
  readonly error: CodedError;
}

export type AdmittedObject =
  | { readonly object: JsonObject; readonly rejected?: undefined }
  | { readonly object?: undefined; readonly rejected: RejectedObject };

/**
 * Parses an object unless it exceeds the size or memory limit.
 * @param kind as in the type; items of lists of built-in kinds have neither kind nor apiVersion.
 * @param path method and path, for errors.
 * @throws {KubeError} Malformed.
 */
export function parseIfAdmitted(
  raw: RawObject,
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  admission: ObjectAdmission,
  path: string,
): AdmittedObject {
  const { namespace, name } = raw.identity;
  const error =
    raw.bytes === undefined
      ? tooLarge(raw, kind, admission)
      : admission.admit?.(raw.heapBytes, { namespace, name: name ?? '' });
  if (error !== undefined || raw.bytes === undefined) {
    return { rejected: { namespace, name, error: error ?? tooLarge(raw, kind, admission) } };
  }
  const object = parseBytes(raw.bytes, 200, path);
  if (!isKubeObject(object)) throw malformed(200, path, `the answer holds something that is no ${kind} with metadata`);
  return { object: { apiVersion, kind, ...withoutManagedFields(object) } };
}

/** Removes the null that the splitter left in place of managed fields. */
function withoutManagedFields(object: JsonObject): JsonObject {
  const { metadata } = object;
  if (!isJsonObject(metadata) || !Object.hasOwn(metadata, 'managedFields')) return object;
  const kept = Object.entries(metadata).filter(([key]) => key !== 'managedFields');
  return { ...object, metadata: Object.fromEntries(kept) };
}

function tooLarge({ identity, largestPart }: RawObject, kind: string, { maxObjectBytes }: ObjectAdmission): CodedError {
  const { namespace, name = '(unnamed)' } = identity;
  const part = largestPart.slice(0, 100).replaceAll(/[^-.\w]/g, '?');
  const hint = part === '' ? '' : `, most of it in "${part}"`;
  return new CodedError(
    'FAILED_PRECONDITION',
    `${kind.toLowerCase()} ${objectKey({ namespace, name })} is larger than ${sizeText(maxObjectBytes)}${hint}: make it smaller`,
  );
}

function sizeText(bytes: number): string {
  const isWholeMiB = bytes % (1 << 20) === 0;
  return isWholeMiB ? `${bytes >> 20} MiB` : `${Math.round(bytes / 1024)} KiB`;
}
