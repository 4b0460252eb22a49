import { randomUUID } from 'node:crypto';
import type { Awaitable } from '../../shared/awaitable.ts';
import { CodedError } from '../../shared/errors.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonMember, jsonText } from '../../shared/json.ts';
import { perObject } from '../../shared/per-object.ts';
import { certificateBlocks } from '../../shared/pem.ts';
import { Secret } from '../../shared/secret.ts';

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

/** A Secret as it was read. */
export interface SecretObject {
  readonly ref: SecretName;
  /** Changes with every change of the Secret, and is unique among Secrets. */
  readonly readId: string;
  readonly type: string;
  readonly data: ReadonlyMap<string, Secret>;
}

/** The source of Secrets. */
export interface SecretSource {
  /**
   * @returns undefined if the Secret does not exist.
   * @throws {CodedError} if it cannot be read, naming a missing RoleBinding; the signal's reason.
   */
  get(ref: SecretName, signal: AbortSignal): Awaitable<SecretObject | undefined>;
  /** Makes the next `get` read the Secret again, for callers that react to a change. */
  expire(ref: SecretName): void;
  /**
   * Returns the Secrets in the proxy's namespace with the label `connectors.cpaas.io/ca-cert: "true"` that have been
   * read.
   */
  labelledCas(): readonly SecretObject[];
}

/**
 * Returns the error for a Secret with unusable keys. Neither text contains a value of one.
 * @param problem without its subject, the Secret: `it has no token`.
 */
export function unusableSecret(problem: string, fix: string): CodedError {
  return new CodedError('FAILED_PRECONDITION', `${problem}: ${fix}`);
}

export const caLabel = 'connectors.cpaas.io/ca-cert';

/** Parses a Secret. As in the API server, `stringData` takes precedence over `data`. */
export function parseSecret(object: JsonObject): SecretObject {
  const metadata = object['metadata'];
  return {
    ref: { namespace: jsonText(metadata, 'namespace') ?? '', name: jsonText(metadata, 'name') ?? '' },
    readId: randomUUID(),
    type: jsonText(object, 'type') ?? 'Opaque',
    data: new Map([
      ...entriesOf(jsonMember(object, 'data'), (text) => Buffer.from(text, 'base64').toString()),
      ...entriesOf(jsonMember(object, 'stringData'), (text) => text),
    ]),
  };
}

/** Returns the PEM certificate blocks under any key of a Secret, unparsed: the same array for the same object. */
export const certificateBlocksIn = perObject(({ data }: SecretObject): readonly string[] =>
  [...data.values()].flatMap((value) => certificateBlocks(value.expose())),
);

function entriesOf(value: JsonValue | undefined, decode: (text: string) => string): [string, Secret][] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, text]) =>
    typeof text === 'string' ? [[key, new Secret(decode(text))] as [string, Secret]] : [],
  );
}
