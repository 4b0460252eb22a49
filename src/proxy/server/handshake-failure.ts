/**
 * The reason of a failed TLS handshake. `plain_http` means that the client sent HTTP without TLS. The others come from the
 * client's alert (RFC 8446, 6.2). All of them except `other` mean that the client rejects the certificate.
 */
export type HandshakeFailure =
  | 'unknown_ca'
  | 'bad_certificate'
  | 'certificate_unknown'
  | 'certificate_expired'
  | 'plain_http'
  | 'other';

const untrusted = 'the program does not trust the CA of the proxy: run it with the script "activate" of its volume';

/** The fix of a failed handshake for its reader; undefined if none is known. */
export const handshakeHints: Readonly<Record<HandshakeFailure, string | undefined>> = {
  unknown_ca: untrusted,
  bad_certificate: untrusted,
  certificate_unknown: untrusted,
  certificate_expired: untrusted,
  plain_http: 'the program speaks plain HTTP to a tool with https: use https:// in its URL',
  other: undefined,
};

/** Returns the reason of a failed handshake; undefined if the client only closed the connection. */
export function handshakeFailureOf(error: Error & { readonly code?: string }): HandshakeFailure | undefined {
  // ERR_SSL_TLSV1_ALERT_UNKNOWN_CA, ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE, later ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE.
  const [, alert] = /^ERR_SSL_(?:\S+_ALERT_)?(\S+)$/.exec(error.code ?? '') ?? [];
  if (alert === undefined) return undefined;
  if (alert === 'HTTP_REQUEST') return 'plain_http';
  const reason = alert.toLowerCase() as HandshakeFailure;
  return Object.hasOwn(handshakeHints, reason) ? reason : 'other';
}
