import type { Connector, ConnectorClass } from '../../shared/connectors/model.ts';
import { CodedError } from '../../shared/errors.ts';
import type { JsonObject, JsonValue } from '../../shared/json.ts';
import { isJsonObject, jsonItems, jsonObject } from '../../shared/json.ts';
import type { Secret } from '../../shared/secret.ts';
import type { SecretObject } from '../secrets/secret-source.ts';
import type { RawHeaders } from '../tool/headers.ts';
import type { ToolOrigin } from '../tool/tool-origin.ts';
import { authorityOf } from '../tool/tool-origin.ts';
import { ObjectReader } from '../../shared/object-reader.ts';
import { proxyLimits } from '../limits.ts';

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

/** A probe as the ConnectorClass declares it, with templates. */
export interface HttpProbe {
  /** Name for messages: `connectorclass harbor: spec.livenessProbe.http`. */
  readonly source: string;
  /** Scheme, host and port default to those of the Connector's address. */
  readonly scheme?: string;
  readonly host?: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Whether a redirect is a response like any other. By default, it is followed within the Connector's addresses. */
  readonly isRedirectDisabled: boolean;
  /** CEL over `response`. By default, the status decides. */
  readonly cel?: string;
}

const methods = ['GET', 'HEAD', 'POST', 'OPTIONS'];
const maxTextLength = proxyLimits.probes.textLength;
const maxHeaders = proxyLimits.probes.headers;

/**
 * Parses `spec.livenessProbe.http`.
 * @returns undefined if the class has none.
 * @throws {CodedError} FAILED_PRECONDITION that names class and field.
 */
export function livenessProbeOf({ name, object }: ConnectorClass): HttpProbe | undefined {
  const probe = new ObjectReader(`connectorclass ${name}`, object).child('spec').child('livenessProbe');
  return probe.has('http')
    ? parseHttp(probe.child('http'), `connectorclass ${name}: spec.livenessProbe.http`)
    : undefined;
}

/**
 * Parses the probe of `spec.authProbes` for an authentication type.
 * @returns undefined if the class has none.
 * @throws {CodedError} FAILED_PRECONDITION that names class and field.
 */
export function authProbeOf({ name, object }: ConnectorClass, authName: string): HttpProbe | undefined {
  const probes = new ObjectReader(`connectorclass ${name}`, object).child('spec').children('authProbes');
  const at = probes.findIndex((each) => each.optionalString('authName') === authName);
  const probe = probes[at]?.child('probe');
  if (probe?.has('http') !== true) return undefined;
  return parseHttp(probe.child('http'), `connectorclass ${name}: spec.authProbes[${at}].probe.http`);
}

function parseHttp(reader: ObjectReader, source: string): HttpProbe {
  const method = (shortText(reader, 'method') ?? 'GET').toUpperCase();
  if (!methods.includes(method)) throw reader.malformed('method', `must be one of ${methods.join(', ')}`);
  const scheme = shortText(reader, 'scheme')?.toLowerCase();
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    throw reader.malformed('scheme', 'must be HTTP or HTTPS');
  }
  const headers = reader.children('httpHeaders').map((header): readonly [string, string] => {
    return [header.requiredString('name'), shortText(header, 'value') ?? ''];
  });
  if (headers.length > maxHeaders) throw reader.malformed('httpHeaders', `must be at most ${maxHeaders}`);
  const host = shortText(reader, 'host');
  const port = portIn(reader);
  const isRedirectDisabled = reader.value('disableRedirect') ?? false;
  if (typeof isRedirectDisabled !== 'boolean') throw reader.malformed('disableRedirect', 'must be true or false');
  const cel = shortText(reader.child('response'), 'cel');
  return {
    source,
    ...(scheme === undefined ? {} : { scheme }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    method,
    path: shortText(reader, 'path') ?? '/',
    headers,
    isRedirectDisabled,
    ...(cel === undefined ? {} : { cel }),
  };
}

function portIn(reader: ObjectReader): number | undefined {
  const value = reader.value('port');
  if (value === undefined) return undefined;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw reader.malformed('port', 'must be a port number');
  return port;
}

/** Returns a string; undefined if it is empty. */
function shortText(reader: ObjectReader, key: string): string | undefined {
  const text = reader.optionalString(key) ?? '';
  if (text.length > maxTextLength) throw reader.malformed(key, `must be at most ${maxTextLength} characters`);
  return text === '' ? undefined : text;
}
