import assert from 'node:assert/strict';
import { handshakeFailureOf, handshakeHint, trustSettingOf } from '../../../../src/proxy/server/handshake-failure.js';

describe('the setting with which a program trusts a CA', () => {
  const settings: Readonly<Record<string, string | undefined>> = {
    'curl/8.14.1': 'CURL_CA_BUNDLE',
    'git/2.47.3': 'GIT_SSL_CAINFO',
    'cargo/1.85.0 (d73d2caf9 2024-12-31)': 'CARGO_HTTP_CAINFO',
    'Go-http-client/1.1': 'SSL_CERT_FILE',
    'Java/17.0.21': 'JAVA_TOOL_OPTIONS',
    'Wget/1.25.0': '--ca-certificate',
    'constructor/1': undefined,
    'a program': undefined,
    '': undefined,
  };
  for (const [userAgent, setting] of Object.entries(settings)) {
    it(`of ${JSON.stringify(userAgent)}`, () => assert.equal(trustSettingOf(userAgent), setting));
  }

  it('is part of what to do', () => {
    const begin = /^the program does not trust the CA of the proxy: run it with the script "activate" of its volume/;
    const hintFor = (setting: string | undefined): string => handshakeHint('unknown_ca', setting) ?? '';
    assert.match(hintFor(undefined), begin);
    assert.match(hintFor(undefined), /, or name ca\.crt by the variable or option that it reads$/);
    assert.match(hintFor('CURL_CA_BUNDLE'), /"activate" of its volume, which sets CURL_CA_BUNDLE$/);
    assert.match(hintFor('--ca-certificate'), /of its volume and --ca-certificate="\$SSL_CERT_FILE"$/);
  });
});

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

  it('has a hint if what to do is known', () => {
    assert.match(handshakeHint('plain_http', 'CURL_CA_BUNDLE') ?? '', /^the program speaks plain HTTP .*: use https:/);
    assert.match(handshakeHint('unknown_ca', 'CURL_CA_BUNDLE') ?? '', /does not trust .*: .* sets CURL_CA_BUNDLE$/);
    assert.equal(handshakeHint('other', 'CURL_CA_BUNDLE'), undefined);
  });
});
