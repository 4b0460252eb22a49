import { CodedError } from '../errors.ts';
import { jsonMembers, parseJson } from '../json.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import { malformed } from './response-body.ts';
import { objectKey } from '../names.ts';
import { limits } from '../limits/defaults.ts';

interface ObjectIdentity {
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Limits on the objects that a reader accepts. */
export interface ObjectAdmission {
  /** Limit of an object's JSON without managed fields. */
  readonly maxObjectBytes: number;
  /** Checks an object's memory. @returns why it is rejected; undefined to admit it. Absent: no memory limit. */
  readonly admit?: (heapBytes: number, object: ObjectIdentity) => CodedError | undefined;
  /** Parses an object that has changed, or rejects it. Absent: parses it at once. */
  readonly parseChanged?: (raw: RawObject, parse: () => AdmittedObject) => AdmittedObject;
}

/** An object that exists but was not admitted. */
export interface RejectedObject extends ObjectIdentity {
  /** Returned only to callers that need this object. */
  readonly error: CodedError;
}

export type AdmittedObject =
  | { readonly object: JsonObject; readonly rejected?: undefined }
  | { readonly object?: undefined; readonly rejected: RejectedObject };

/** The texts of an object's members, which are not parsed yet. */
export interface RawObject {
  readonly identity: ObjectIdentity & { readonly resourceVersion: string };
  /** Without metadata. */
  readonly members: ReadonlyMap<string, string>;
  /** Without managed fields. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Size of its JSON without managed fields. */
  readonly sizeBytes: number;
  /** Characters of its JSON, which stays in memory with the texts of its members. */
  readonly characters: number;
}

/**
 * Finds the members of an object without parsing more than its name and revision.
 * @param path method and path, for errors.
 * @throws {KubeError} Malformed; {SyntaxError} for text that is not JSON.
 */
export function parseRawObject(text: string, kind: string, path: string): RawObject {
  if (!text.trimStart().startsWith('{')) throw noObject(kind, path);
  const members = jsonMembers(text);
  const metadata = jsonMembers(members.get('metadata') ?? '{}');
  members.delete('metadata');
  const sizeBytes = Buffer.byteLength(text) - Buffer.byteLength(metadata.get('managedFields') ?? '');
  metadata.delete('managedFields');
  const textOf = (key: string): string | undefined => {
    const value = parseJson(metadata.get(key) ?? 'null');
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const [name, resourceVersion] = [textOf('name'), textOf('resourceVersion')];
  if (name === undefined || resourceVersion === undefined) throw noObject(kind, path);
  return {
    identity: { namespace: textOf('namespace'), name, resourceVersion },
    members,
    metadata,
    sizeBytes,
    characters: text.length,
  };
}

/**
 * Parses an object unless it exceeds the size or memory limit.
 * @param type its kind; items of lists of built-in kinds have neither kind nor apiVersion.
 * @throws {SyntaxError} for text that is not JSON.
 */
export function parseIfAdmitted(
  raw: RawObject,
  { apiVersion, kind }: { readonly apiVersion: string; readonly kind: string },
  { maxObjectBytes, admit }: ObjectAdmission,
): AdmittedObject {
  const { namespace, name } = raw.identity;
  if (raw.sizeBytes > maxObjectBytes) {
    return { rejected: { namespace, name, error: tooLarge(raw, kind, maxObjectBytes) } };
  }
  const object = { apiVersion, kind, ...parseMembers(raw.members), metadata: parseMembers(raw.metadata) };
  const error = admit?.(heapBytesOf(object), { namespace, name });
  return error === undefined ? { object } : { rejected: { namespace, name, error } };
}

function parseMembers(members: ReadonlyMap<string, string>): JsonObject {
  return Object.fromEntries([...members].map(([key, text]) => [key, parseJson(text)]));
}

function noObject(kind: string, path: string): Error {
  return malformed(200, path, `the answer holds something that is no ${kind} with metadata`);
}

function tooLarge(raw: RawObject, kind: string, maxObjectBytes: number): CodedError {
  const owner = `${kind.toLowerCase()} ${objectKey(raw.identity)}`;
  return new CodedError('FAILED_PRECONDITION', `${owner} is larger than ${sizeText(maxObjectBytes)}: make it smaller`);
}

function sizeText(bytes: number): string {
  const isWholeMiB = bytes % (1 << 20) === 0;
  return isWholeMiB ? `${bytes >> 20} MiB` : `${Math.round(bytes / 1024)} KiB`;
}

/**
 * Sequences of keys of the last objects, forgotten when they are too many. V8 stores the layout of objects with the same
 * keys once; each other layout takes several times the memory of an object.
 */
const layouts = new Set<string>();

/** Returns the estimated size of a parsed value in V8's heap. */
export function heapBytesOf(value: JsonValue): number {
  switch (typeof value) {
    case 'string':
      return textBytes(value);
    case 'bigint':
      return 24;
    case 'number':
      return 16;
    case 'object':
      if (value === null) return 0;
      return Array.isArray(value) ? listBytes(value as readonly JsonValue[]) : objectBytes(Object.entries(value));
    default:
      return 0;
  }
}

function textBytes(text: string): number {
  // Empty strings and single characters exist once.
  if (text.length < 2) return 0;
  // A character beyond Latin-1 makes all characters of the string take two bytes.
  const isWide = /[^\0-\xff]/.test(text);
  return 24 + text.length * (isWide ? 2 : 1);
}

function listBytes(items: readonly JsonValue[]): number {
  return items.reduce((sum: number, item) => sum + 8 + heapBytesOf(item), items.length === 0 ? 32 : 48);
}

function objectBytes(members: readonly (readonly [string, JsonValue])[]): number {
  const layout = members.map(([key]) => key).join(' ');
  const isShared = layouts.has(layout);
  if (layouts.size >= limits.objects.layouts.count) layouts.clear();
  if (layout.length <= limits.objects.layouts.characters) layouts.add(layout);
  const memberBytes = members.reduce((sum, [, value]) => sum + heapBytesOf(value), 0);
  // Four members are stored in the object itself.
  if (isShared) return 56 + (members.length > 4 ? 8 * members.length : 0) + memberBytes;
  return members.reduce((sum, [key]) => sum + 96 + textBytes(key), 400) + memberBytes;
}
