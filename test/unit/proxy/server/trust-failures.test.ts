import assert from 'node:assert/strict';
import type { ClientIdentity } from '../../../../src/proxy/auth/client-identity.js';
import {
  handshakeFailureOf,
  handshakeHint,
  trustFix,
  trustSettingOf,
} from '../../../../src/proxy/server/handshake-failure.js';
import { TrustFailures } from '../../../../src/proxy/server/trust-failures.js';

const host = 'registry.example:443';

function client(name: string, namespace = 'ci'): ClientIdentity {
  return {
    ...{ user: `system:serviceaccount:${namespace}:builder`, uid: undefined, groups: [], extra: {}, expiresAtMs: 0 },
    pod: { namespace, name, uid: 'u' },
  };
}

describe('clients that do not trust the CA', () => {
  let nowMs = 0;
  let failures: TrustFailures;
  beforeEach(() => {
    nowMs = 1_000_000;
    failures = new TrustFailures({ clock: { now: () => nowMs }, limits: { entries: 4, keptMs: 1000 } });
  });
  const pods = (): readonly unknown[] => failures.recent().map(({ pod }) => pod);

  it('are counted by pod, reason and program, the newest first', () => {
    failures.add(client('build-1'), host, 'unknown_ca', 'CURL_CA_BUNDLE');
    failures.add(client('build-2'), host, 'unknown_ca', undefined);
    nowMs += 5;
    failures.add(client('build-1'), 'other.example:443', 'unknown_ca', 'CURL_CA_BUNDLE');
    failures.add(client('build-1'), host, 'unknown_ca', 'GIT_SSL_CAINFO');
    const common = { pod: 'ci/build-1', serviceAccount: 'ci/builder', reason: 'unknown_ca', lastAtMs: 1_000_005 };
    assert.deepEqual(failures.recent(), [
      { ...common, host, setting: 'GIT_SSL_CAINFO', count: 1 },
      { ...common, host: 'other.example:443', setting: 'CURL_CA_BUNDLE', count: 2 },
      { ...common, host, setting: undefined, count: 1, pod: 'ci/build-2', lastAtMs: 1_000_000 },
    ]);
  });

  it('are listed for a while', () => {
    failures.add(client('old'), host, 'unknown_ca', undefined);
    nowMs += 999;
    failures.add(client('new'), host, 'unknown_ca', undefined);
    assert.deepEqual(pods(), ['ci/new', 'ci/old']);
    nowMs += 1;
    assert.deepEqual(pods(), ['ci/new']);
  });

  it('of one namespace do not evict those of another', () => {
    failures.add(client('victim'), host, 'unknown_ca', undefined);
    for (let at = 0; at < 50; at += 1) failures.add(client(`pod-${at}`, 'attacker'), host, 'unknown_ca', undefined);
    assert.deepEqual(pods(), ['attacker/pod-49', 'attacker/pod-48', 'attacker/pod-47', 'ci/victim']);
  });

  it('are named by their service account without a pod, and not at all without both', () => {
    failures.add({ ...client(''), pod: undefined }, host, 'unknown_ca', undefined);
    failures.add({ ...client(''), pod: undefined, user: 'admin' }, host, 'unknown_ca', undefined);
    assert.deepEqual(
      failures.recent().map(({ pod, serviceAccount }) => [pod, serviceAccount]),
      [
        [undefined, undefined],
        [undefined, 'ci/builder'],
      ],
    );
  });
});

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
    assert.match(
      trustFix(undefined),
      /^run it with the script "activate" of its volume, or name ca\.crt by the variable/,
    );
    assert.match(trustFix('CURL_CA_BUNDLE'), /"activate" of its volume, which sets CURL_CA_BUNDLE$/);
    assert.match(trustFix('--ca-certificate'), /of its volume and --ca-certificate="\$SSL_CERT_FILE"$/);
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
