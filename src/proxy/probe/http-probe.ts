import type { ConnectorClass } from '../../shared/connectors/model.ts';
import { ObjectReader } from '../../shared/object-reader.ts';
import { proxyLimits } from '../limits.ts';

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
