import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../support/e2e/programs.js';
import { needs } from '../support/e2e/rendered-classes.js';
import { CertificateAuthority } from '../support/kube-api/certificates.js';
import { eventually } from '../support/poll.js';
import { connector, grant } from '../support/proxy/manifests.js';
import { ProxyFixture } from '../support/proxy/proxy-fixture.js';
import { ToolServer } from '../support/proxy/tool-server.js';

/** curl ends a handshake with the reason, as most programs do; Node's client sends none. */
describe('a program that does not trust the CA of the proxy', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;

  before(needs('curl'));
  beforeEach(async () => {
    tool = await ToolServer.start('https');
    fixture = await ProxyFixture.start([
      connector('tool', tool.url(), { caSecret: 'tool-ca' }),
      ...grant('builder', ['tool']),
    ]);
  });
  afterEach(async () => {
    await fixture.stop();
    await tool.stop();
  });

  const curl = async (certificate: string): Promise<number> => {
    const file = path.join(fixture.directory, 'trusted.pem');
    writeFileSync(file, certificate);
    const proxy = `http://ci%2Ftool:${await fixture.token()}@127.0.0.1:${fixture.port}`;
    const args = ['-sS', '--proxy', proxy, '--cacert', file, `https://tool.example:${tool.port}/`];
    return (await run('curl', args, '/')).status;
  };
  const failures = (): readonly Record<string, unknown>[] =>
    fixture.log
      .split('\n')
      .filter((line) => line.includes('TLS handshake in tunnel failed'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it('is counted, and logged with its pod and what to do', async () => {
    assert.equal(await curl(new CertificateAuthority().certificate), 60);
    await eventually('the failure is logged', () => failures().length > 0);
    const [{ level, pod, serviceAccount, host, reason, hint } = {}] = failures();
    assert.deepEqual(
      { level, pod, serviceAccount, host, reason },
      {
        level: 'info',
        pod: 'ci/build-1',
        serviceAccount: 'ci/builder',
        host: `tool.example:${tool.port}`,
        reason: 'unknown_ca',
      },
    );
    assert.match(String(hint), /run it with the script "activate" of its volume/);
    assert.match(await fixture.metrics(), /^connectors_proxy_handshake_failures_total\{reason="unknown_ca"\} 1$/m);
  });

  it('is not one that trusts it', async () => {
    assert.equal(await curl(fixture.authority), 0);
    assert.deepEqual(failures(), []);
    assert.doesNotMatch(await fixture.metrics(), /^connectors_proxy_handshake_failures_total\{/m);
  });
});
