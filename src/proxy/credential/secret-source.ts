import { randomUUID } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../json.js';
import { isJsonObject, jsonMember } from '../../json.js';
import { certificateBlocks } from '../../pem.js';
import { Secret } from '../../secret.js';

export interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

/** Which state of which Secret: what is compared later need not keep the data in memory. */
export interface SecretVersion {
  readonly ref: SecretName;
  /** Another one after every change, and never that of another Secret. */
  readonly version: string;
}

/** A Secret as it was read. */
export interface SecretObject extends SecretVersion {
  readonly type: string;
  readonly data: ReadonlyMap<string, Secret>;
}

/** Where Secrets come from. */
export interface SecretSource {
  /**
   * @returns undefined when there is none of that name.
   * @throws {CodedError} when it cannot be read, naming the RoleBinding when that is what is missing; the signal's reason.
   */
  get(ref: SecretName, signal: AbortSignal): Promise<SecretObject | undefined>;
  /** The next `get` asks anew: whoever looks again because something has changed must not see what was before. */
  expire(ref: SecretName): void;
  /** The Secrets of the proxy's namespace with the label `connectors.cpaas.io/ca-cert: "true"`, as far as known. */
  labelledCas(): readonly SecretObject[];
}

export const caLabel = 'connectors.cpaas.io/ca-cert';

/** Reads a Secret object; `stringData` counts more than `data`, as the API server has it. Undefined: it has no name. */
export function parseSecret(object: JsonObject): SecretObject | undefined {
  const metadata = object['metadata'];
  const namespace = jsonMember(metadata, 'namespace');
  const name = jsonMember(metadata, 'name');
  const type = jsonMember(object, 'type');
  if (typeof namespace !== 'string' || typeof name !== 'string') return undefined;
  return {
    ref: { namespace, name },
    version: randomUUID(),
    type: typeof type === 'string' ? type : 'Opaque',
    data: new Map([
      ...entriesOf(jsonMember(object, 'data'), (text) => Buffer.from(text, 'base64').toString()),
      ...entriesOf(jsonMember(object, 'stringData'), (text) => text),
    ]),
  };
}

const blocks = new WeakMap<SecretObject, readonly string[]>();

/** Returns what looks like a certificate under any key of a Secret, in PEM and unparsed: the same array for the same object. */
export function certificateBlocksIn(secret: SecretObject): readonly string[] {
  const known = blocks.get(secret);
  if (known !== undefined) return known;
  const found = [...secret.data.values()].flatMap((value) => certificateBlocks(value.expose()));
  blocks.set(secret, found);
  return found;
}

function entriesOf(value: JsonValue | undefined, decode: (text: string) => string): [string, Secret][] {
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, text]) =>
    typeof text === 'string' ? [[key, new Secret(decode(text))] as [string, Secret]] : [],
  );
}
