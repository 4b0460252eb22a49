import assert from 'node:assert/strict';
import { handshakeFailureOf } from '../../../../src/proxy/server/handshake-failure.ts';

describe('the reason of a failed handshake', () => {
  const reasons: Readonly<Record<string, string | undefined>> = {
    ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'unknown_ca',
    ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'bad_certificate',
    'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE': 'bad_certificate',
    'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN': 'certificate_unknown',
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': 'other',
    ERR_SSL_HTTP_REQUEST: 'plain_http',
    ECONNRESET: undefined,
  };
  for (const [code, reason] of Object.entries(reasons)) {
    it(`of ${code}`, () => assert.equal(handshakeFailureOf(Object.assign(new Error(code), { code })), reason));
  }
});
