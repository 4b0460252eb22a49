import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../support/e2e/programs.ts';
import { needs } from '../support/e2e/rendered-classes.ts';
import { CertificateAuthority } from '../support/tls/certificate-authority.ts';
import { eventually } from '../support/poll.ts';
import { connector, grant } from '../support/proxy/manifests.ts';
import { ProxyFixture } from '../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../support/proxy/tool-server.ts';
import { started } from '../support/started.ts';

/**
 * Programs by name. Those with OpenSSL and Go's end a handshake with the reason; Node's client and
 * those with GnuTLS, as Debian's git and wget, send none.
 */
const programs: Readonly<Record<string, { readonly reason: string; readonly script: (host: string) => string }>> = {
  curl: {
    reason: 'unknown_ca',
    script: (host) => `CURL_CA_BUNDLE=$CA curl -sSf https://${host}/`,
  },
  oras: {
    reason: 'bad_certificate',
    script: (host) => `SSL_CERT_FILE=$CA oras manifest fetch ${host}/a:1`,
  },
  python3: {
    reason: 'unknown_ca',
    script: (host) => `SSL_CERT_FILE=$CA python3 -c 'import urllib.request as r; r.urlopen("https://${host}/")'`,
  },
};

describe('a program that does not trust the CA of the proxy', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;

  before(needs('curl', 'oras', 'python3'));
  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    fixture = started(
      await ProxyFixture.start([connector('tool', tool.url(), { caSecret: 'tool-ca' }), ...grant('builder', ['tool'])]),
    );
  });

  /** Runs a program through the proxy that trusts this certificate alone. */
  const runTrusting = async (certificate: string, script: (host: string) => string): Promise<number> => {
    const CA = path.join(fixture.directory, 'trusted.pem');
    writeFileSync(CA, certificate);
    const https_proxy = `http://ci%2Ftool:${await fixture.token()}@127.0.0.1:${fixture.port}`;
    const env = { CA, https_proxy, HTTPS_PROXY: https_proxy, no_proxy: '', NO_PROXY: '' };
    return (await run('sh', ['-c', script(`tool.example:${tool.port}`)], fixture.directory, env)).status;
  };
  const failures = (): readonly Record<string, unknown>[] =>
    fixture.log
      .split('\n')
      .filter((line) => line.includes('TLS handshake in tunnel failed'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  for (const [title, { reason, script }] of Object.entries(programs)) {
    it(`is counted, and logged with its pod and what to do: ${title}`, async () => {
      assert.notEqual(await runTrusting(new CertificateAuthority().certificate, script), 0);
      await eventually('the failure is logged', () => failures().length > 0);
      const [{ level, pod, serviceAccount, host, reason: logged, hint } = {}] = failures();
      assert.deepEqual(
        { level, pod, serviceAccount, host, logged },
        {
          level: 'info',
          pod: 'ci/build-1',
          serviceAccount: 'ci/builder',
          host: `tool.example:${tool.port}`,
          logged: reason,
        },
      );
      const fix = 'run it with the script "activate" of its volume';
      assert.equal(hint, `the program does not trust the CA of the proxy: ${fix}`);
      const counter = new RegExp(`^connectors_proxy_handshake_failures_total\\{reason="${reason}"\\} [1-9]`, 'm');
      assert.match(await fixture.metrics(), counter);
    });
  }

  it('is not one that trusts it', async () => {
    assert.equal(await runTrusting(fixture.authority, programs['curl']!.script), 0);
    assert.deepEqual(failures(), []);
    assert.doesNotMatch(await fixture.metrics(), /^connectors_proxy_handshake_failures_total\{/m);
  });
});
