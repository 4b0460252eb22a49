/**
 * Why a TLS handshake failed, by the client's alert (RFC 8446, 6.2). All but `other` say that it rejects the certificate.
 */
export type HandshakeFailure =
  'unknown_ca' | 'bad_certificate' | 'certificate_unknown' | 'certificate_expired' | 'other';

/** Returns the reason of a failed handshake; undefined if the client only closed the connection. */
export function handshakeFailureOf(error: Error & { readonly code?: string }): HandshakeFailure | undefined {
  const [, alert] = /^ERR_SSL_(?:\w+_ALERT_)?(\w+)$/.exec(error.code ?? '') ?? [];
  if (alert === undefined) return undefined;
  const reason = alert.toLowerCase();
  return isRejectedCertificate(reason) ? reason : 'other';
}

/** Reports whether the client does not trust the certificate. */
export function isRejectedCertificate(reason: string): reason is Exclude<HandshakeFailure, 'other'> {
  return ['unknown_ca', 'bad_certificate', 'certificate_unknown', 'certificate_expired'].includes(reason);
}

export const trustHint =
  'the program does not trust the CA of the proxy: run it with the script "activate" of its volume, or name ca.crt by the variable or option that it reads';
