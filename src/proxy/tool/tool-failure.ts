import { proxyLimits } from '../limits.ts';
import { ProxyError } from '../proxy-error.ts';
import type { ProxyErrorKind } from '../proxy-error.ts';
import type { RawHeaders } from './headers.ts';

/** A response that cannot be forwarded. The message lacks its subject, the tool. */
export class UnusableResponse extends Error {
  override readonly name = 'UnusableResponse';

  /** Returns the error for a response; undefined if it can be forwarded. */
  static of(status: number, rawHeaders: RawHeaders): UnusableResponse | undefined {
    if (status === 101) return new UnusableResponse('switched protocols (101) without being asked to');
    if (status < 200) return new UnusableResponse('responds with a status that cannot be passed on');
    if (rawHeaders.length > 2 * proxyLimits.headers.lines)
      return new UnusableResponse('responds with too many headers');
    return undefined;
  }
}

/** Errors of certificate verification have many codes and no common class. */
const tlsCodes = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;
/** Alerts of a server about the certificate of its client. */
const alertCodes = /^ERR_SSL_.*ALERT_.*(CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/;
/** Invalid responses: codes of the parser and of undici. */
const protocolCodes = /^(HPE_|UND_ERR_HEADERS_OVERFLOW|UND_ERR_RES_)/;
const fixOfConnector =
  'set spec.caCertSecretRef of the Connector to a Secret in the same namespace with the CA certificate';
const resetCodes: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'UND_ERR_SOCKET']);

/**
 * Converts an error of a connection or exchange to a response.
 * @param tool its name, such as `https://harbor.example.com`.
 * @param caFix makes the proxy trust the CA of the tool.
 */
export function toolFailure(error: unknown, tool: string, caFix = fixOfConnector): ProxyError {
  if (error instanceof ProxyError) return error;
  const code = codeOf(error);
  const failure = (status: number, kind: ProxyErrorKind, message: string): ProxyError =>
    new ProxyError(status, kind, message, { cause: error });
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_NODATA') {
    return failure(502, 'dns', `unknown host: the proxy cannot resolve the name of ${tool} (${code})`);
  }
  if (code === 'ETIMEDOUT') return failure(504, 'timeout', `no connection to ${tool} in time`);
  if (alertCodes.test(code)) {
    const fix = 'use one that it accepts, in a Secret of type kubernetes.io/tls for spec.auth.secretRef';
    return failure(502, 'tls', `TLS failed (${code}): ${tool} requires another client certificate: ${fix}`);
  }
  if (tlsCodes.test(code)) {
    return failure(
      502,
      'tls',
      `TLS failed (${code}): check the certificate of ${tool}; if its CA is not a public one, ${caFix}`,
    );
  }
  if (error instanceof UnusableResponse) return failure(502, 'protocol', `${tool} ${error.message}`);
  const invalid = protocolCodes.test(code) ? code : parserReason(error);
  if (invalid !== undefined) return failure(502, 'protocol', `invalid HTTP response of ${tool} (${invalid})`);
  if (resetCodes.has(code)) return failure(502, 'reset', `connection closed by ${tool} (${code})`);
  if (code !== '') return failure(502, 'connect', `no connection to ${tool} (${code})`);
  return failure(502, 'internal', `the exchange with ${tool} failed`);
}

/** Returns why undici's parser rejects a response. Its errors have no code, and their type is not exported. */
function parserReason(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'HTTPParserError') return undefined;
  const [, reason] = /\(([^()]+)\)$/.exec(error.message) ?? [];
  return reason ?? 'not HTTP/1.1';
}

/** Returns the error code; for several attempted addresses, the first one. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error instanceof AggregateError) return error.errors.map(codeOf).find((code) => code !== '') ?? '';
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
