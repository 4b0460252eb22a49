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

/** What a reader takes of the objects that it asks for. */
export interface ObjectAdmission {
  /** Of its JSON, managed fields left out. */
  readonly maxObjectBytes: number;
  /**
   * Asked before an object is parsed, with what it will take in memory. What it answers is why it is not taken; absent,
   * there is room for all.
   */
  readonly admit?: (heapBytes: number, object: ObjectIdentity) => CodedError | undefined;
}

/** An object that is there and has not been taken. */
export interface RejectedObject {
  readonly namespace: string | undefined;
  /** Undefined when the object was so large that its name was not found. */
  readonly name: string | undefined;
  /** For who needs the object; for nobody else. */
  readonly error: CodedError;
}

export type AdmittedObject =
  | { readonly object: JsonObject; readonly refused?: undefined }
  | { readonly object?: undefined; readonly refused: RejectedObject };

/**
 * Parses an object unless it is larger than is taken or there is no room for it.
 * @param kind as its type has it; lists of built-in kinds leave kind and apiVersion out of their items.
 * @param path method and path, for errors.
 * @throws {KubeError} Malformed.
 */
export function parseIfAdmitted(
  raw: RawObject,
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  screen: ObjectAdmission,
  path: string,
): AdmittedObject {
  const { namespace, name } = raw.identity;
  const error =
    raw.bytes === undefined
      ? tooLarge(raw, kind, screen)
      : screen.admit?.(raw.heapBytes, { namespace, name: name ?? '' });
  if (error !== undefined || raw.bytes === undefined) {
    return { refused: { namespace, name, error: error ?? tooLarge(raw, kind, screen) } };
  }
  const object = parseBytes(raw.bytes, 200, path);
  if (!isKubeObject(object)) throw malformed(200, path, `the answer holds something that is no ${kind} with metadata`);
  return { object: { apiVersion, kind, ...withoutManagedFields(object) } };
}

/** The sieve has left null in their place. */
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
