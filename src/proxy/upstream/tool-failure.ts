import { ProxyError } from '../proxy-error.js';
import type { ProxyErrorKind } from '../proxy-error.js';

/** Errors of certificate verification have many codes and no common class. */
const tlsCodes = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

/**
 * Converts an error of a connection or exchange to a response.
 * @param what the tool, such as `https://harbor.example.com`.
 */
export function toolFailure(error: unknown, what: string): ProxyError {
  if (error instanceof ProxyError) return error;
  const code = codeOf(error);
  const refuse = (status: number, kind: ProxyErrorKind, message: string): ProxyError =>
    new ProxyError(status, kind, message, { cause: error });
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'EAI_NODATA') {
    return refuse(502, 'dns', `unknown host: the proxy cannot resolve the name of ${what} (${code})`);
  }
  if (code === 'ETIMEDOUT') return refuse(504, 'timeout', `no connection to ${what} in time`);
  if (tlsCodes.test(code)) {
    return refuse(
      502,
      'tls',
      `TLS failed (${code}): check the certificate of ${what}; if its CA is not a public one, set spec.caCertSecretRef of the Connector to a Secret in the same namespace with the CA certificate`,
    );
  }
  if (code.startsWith('HPE_')) return refuse(502, 'protocol', `invalid HTTP response of ${what} (${code})`);
  if (code === 'ECONNRESET' || code === 'EPIPE') return refuse(502, 'reset', `connection closed by ${what} (${code})`);
  if (code !== '') return refuse(502, 'connect', `no connection to ${what} (${code})`);
  return refuse(502, 'internal', `the exchange with ${what} failed`);
}

/** Returns the error code; for several attempted addresses, the first one. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if (error instanceof AggregateError) return error.errors.map(codeOf).find((code) => code !== '') ?? '';
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
