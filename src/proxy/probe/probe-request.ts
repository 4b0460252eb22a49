import type { Connector } from '../../shared/connectors/model.ts';
import { CodedError } from '../../shared/errors.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonItems, jsonObject } from '../../shared/json.ts';
import type { Secret } from '../../shared/secret.ts';
import type { SecretObject } from '../secrets/secret-source.ts';
import type { RawHeaders } from '../tool/headers.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { authorityOf } from '../tool/tool-origin.ts';
import type { HttpProbe } from './http-probe.ts';

/** A probe with rendered templates, ready to send. */
export interface ProbeRequest {
  readonly origin: ToolOrigin;
  readonly method: string;
  readonly path: string;
  /** Headers of the probe itself, which can contain the credential. */
  readonly headers: RawHeaders;
}

/** Headers that the proxy sets itself, or that would change the framing of the request. */
const reserved = /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|expect|keep-alive|proxy-.*)$/i;

/** Returns the templates of a probe by their name in messages. */
export function templatesOf({ path, headers }: HttpProbe): readonly (readonly [name: string, text: string])[] {
  return [['path', path], ...headers.map(([, value], at) => [`httpHeaders[${at}].value`, value] as const)];
}

/**
 * Builds the request of a probe.
 * @param texts rendered templates, in the order of `templatesOf`. Headers with an empty value are left out.
 * @throws {CodedError} FAILED_PRECONDITION if the request cannot be sent. It never quotes a rendered text, which can
 * contain a secret.
 */
export function probeRequest(probe: HttpProbe, origin: ToolOrigin, texts: readonly string[]): ProbeRequest {
  const { source, method, headers } = probe;
  const wrong = (field: string, problem: string): CodedError =>
    new CodedError('FAILED_PRECONDITION', `${source}.${field} ${problem}`);
  const [path = '', ...values] = texts;
  if (!/^\/[\x21-\x7e]*$/.test(path)) throw wrong('path', 'must begin with "/" and have no blanks once it is rendered');
  const sent = headers.flatMap(([name], at): readonly string[] => {
    const value = (values[at] ?? '').trim();
    if (!/^[-!#$%&'*+.^_`|~\w]+$/.test(name) || reserved.test(name)) {
      throw wrong(`httpHeaders[${at}].name`, 'is no header that a probe may set');
    }
    if (!/^[\x20-\x7e]*$/.test(value)) throw wrong(`httpHeaders[${at}].value`, 'cannot be sent in a header');
    return value === '' ? [] : [name, value];
  });
  return { origin, method, path, headers: sent };
}

/** Returns the headers of every probe. */
export function commonHeaders(origin: ToolOrigin): RawHeaders {
  return [
    'Host',
    authorityOf(origin),
    'User-Agent',
    'connectors-proxy',
    'Accept',
    '*/*',
    'Accept-Encoding',
    'identity',
  ];
}

/**
 * Returns the dot of a probe's templates: `.Connector` and `.Secret`, with the field names of their Go types. `.Secret`
 * is null if the Connector has none.
 * @param show returns a value of the Secret, or what messages show for it.
 */
export function probeData(
  { object }: Connector,
  secret: SecretObject | undefined,
  show: (value: Secret) => string,
): JsonObject {
  return { Connector: connectorView(object), Secret: secret === undefined ? null : secretView(secret, show) };
}

function secretView({ ref, type, data }: SecretObject, show: (value: Secret) => string): JsonObject {
  const texts = Object.fromEntries([...data].map(([key, value]) => [key, show(value)]));
  return { Name: ref.name, Namespace: ref.namespace, Type: type, StringData: texts, Data: texts };
}

function connectorView(object: JsonObject): JsonObject {
  const metadata = jsonObject(object, 'metadata');
  const spec = jsonObject(object, 'spec');
  const auth = jsonObject(spec, 'auth');
  return {
    ...goFields(metadata),
    Spec: {
      ...goFields(spec),
      AddressExtensions: namedValues(spec['addressExtensions']),
      Params: namedValues(spec['params']),
      Auth: {
        ...goFields(auth),
        SecretRef: goFields(jsonObject(auth, 'secretRef')),
        Params: namedValues(auth['params']),
      },
    },
  };
}

/** Converts a list of `{name, value}`. A value is a string, a list or an object. */
function namedValues(list: JsonValue | undefined): readonly JsonValue[] {
  return jsonItems(list)
    .filter(isJsonObject)
    .map((entry) => {
      const value = entry['value'] ?? null;
      const StringVal = typeof value === 'string' ? value : '';
      const ArrayVal = jsonItems(value);
      return { ...goFields(entry), Value: { StringVal, ArrayVal, ObjectVal: isJsonObject(value) ? value : {} } };
    });
}

function goFields(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key.slice(0, 1).toUpperCase() + key.slice(1), value]),
  );
}
