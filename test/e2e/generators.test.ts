import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { missingPrograms, run } from '../support/e2e/programs.js';
import { connector, connectorClass, grant, secret } from '../support/proxy/manifests.js';
import { ProxyFixture, credentialCanary } from '../support/proxy/proxy-fixture.js';
import { ToolServer } from '../support/proxy/tool-server.js';

describe('curl with a generator of a class', function () {
  this.timeout(120_000);

  it('sends its header and its query parameter in forward, intercepted and reverse mode', async function () {
    if (missingPrograms('curl').length > 0) {
      console.log('      skipped: it needs curl');
      this.skip();
    }
    const cel = '{"headers": {"X-Key": secret.token}, "query": {"key": secret.token}}';
    const [plain, secure] = [await ToolServer.start('http'), await ToolServer.start('https')];
    const used = { secret: 'login', className: 'made', auth: 'own' };
    const fixture = await ProxyFixture.start([
      connector('plain', plain.url(), used),
      connector('secure', secure.url(), { ...used, caSecret: 'tool-ca' }),
      connectorClass('made', { auth: { types: [{ name: 'own', generator: { cel } }] } }),
      secret('login', 'Opaque', { token: credentialCanary }),
      ...grant('builder', ['plain', 'secure']),
    ]);
    try {
      const ca = path.join(fixture.directory, 'ca.crt');
      writeFileSync(ca, fixture.authority);
      const token = await fixture.token();
      const curl = async (...args: readonly string[]): Promise<void> => {
        const { status, output } = await run('curl', ['-sSf', '-H', 'X_Key: mine', ...args], fixture.directory);
        assert.equal(status, 0, output);
      };
      const proxy = (name: string): string => `http://ci%2F${name}:${token}@127.0.0.1:${fixture.port}`;
      await curl('-x', proxy('plain'), `${plain.url()}/a?k%65y=mine&b=1`);
      await curl('-x', proxy('secure'), '--cacert', ca, `${secure.url()}/a?KEY=mine&b=1`);
      const reverse = `http://127.0.0.1:${fixture.port}/namespaces/ci/connectors/secure/a?key=mine&b=1`;
      await curl('-H', `Authorization: Bearer ${token}`, reverse);
      const seen = [...plain.seen, ...secure.seen];
      assert.equal(seen.length, 3);
      for (const { url, headers } of seen) {
        assert.equal(url, `/a?b=1&key=${credentialCanary}`);
        assert.equal(headers['x-key'], credentialCanary);
        assert.ok(!JSON.stringify(headers).includes('mine'));
      }
    } finally {
      await fixture.stop();
      await plain.stop();
      await secure.stop();
    }
  });
});
