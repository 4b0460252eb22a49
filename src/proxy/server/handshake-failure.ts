/**
 * The reason of a failed TLS handshake. `plain_http` means that the client sent HTTP without TLS. The others come from the
 * client's alert (RFC 8446, 6.2). All of them except `other` mean that the client rejects the certificate.
 */
export type HandshakeFailure =
  'unknown_ca' | 'bad_certificate' | 'certificate_unknown' | 'certificate_expired' | 'plain_http' | 'other';

/** Returns the reason of a failed handshake; undefined if the client only closed the connection. */
export function handshakeFailureOf(error: Error & { readonly code?: string }): HandshakeFailure | undefined {
  // ERR_SSL_TLSV1_ALERT_UNKNOWN_CA, ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE, later ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE.
  const [, alert] = /^ERR_SSL_(?:\S+_ALERT_)?(\S+)$/.exec(error.code ?? '') ?? [];
  if (alert === undefined) return undefined;
  if (alert === 'HTTP_REQUEST') return 'plain_http';
  const reason = alert.toLowerCase();
  return isRejectedCertificate(reason) ? reason : 'other';
}

/** Reports whether the client does not trust the certificate. */
function isRejectedCertificate(reason: string): reason is Exclude<HandshakeFailure, 'plain_http' | 'other'> {
  return ['unknown_ca', 'bad_certificate', 'certificate_unknown', 'certificate_expired'].includes(reason);
}

/**
 * Variables and options for the CAs that a program trusts, by the product in the User-Agent of its CONNECT. Python, Perl,
 * Ruby and Node send none.
 */
const trustSettings: Readonly<Record<string, string>> = {
  curl: 'CURL_CA_BUNDLE',
  git: 'GIT_SSL_CAINFO',
  cargo: 'CARGO_HTTP_CAINFO',
  'Go-http-client': 'SSL_CERT_FILE',
  Java: 'JAVA_TOOL_OPTIONS',
  Wget: '--ca-certificate',
};

/** Returns the variable or option with which the program of that User-Agent trusts a CA; undefined if it is not known. */
export function trustSettingOf(userAgent: string | undefined): string | undefined {
  const [product = ''] = userAgent?.split('/', 1) ?? [];
  return Object.hasOwn(trustSettings, product) ? trustSettings[product] : undefined;
}

/** Returns what to do about a failed handshake; undefined if that is not known. @param setting see trustSettingOf. */
export function handshakeHint(reason: HandshakeFailure, setting: string | undefined): string | undefined {
  if (reason === 'plain_http') return 'the program speaks plain HTTP to a tool with https: use https:// in its URL';
  if (!isRejectedCertificate(reason)) return undefined;
  return `the program does not trust the CA of the proxy: ${trustFix(setting)}`;
}

/** Returns what to do about a program that does not trust the CA of the proxy. @param setting see trustSettingOf. */
function trustFix(setting: string | undefined): string {
  const activated = 'run it with the script "activate" of its volume';
  if (setting === undefined) return `${activated}, or name ca.crt by the variable or option that it reads`;
  return setting.startsWith('--')
    ? `${activated} and ${setting}="$SSL_CERT_FILE"`
    : `${activated}, which sets ${setting}`;
}
