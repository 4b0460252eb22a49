import { CodedError } from '../../shared/errors.js';
import type { RawHeaders } from '../tool/headers.js';
import type { ToolOrigin } from '../tool/tool-origin.js';
import { authorityOf } from '../tool/tool-origin.js';
import type { HttpProbe } from './http-probe.js';

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
