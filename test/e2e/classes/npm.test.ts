import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { caseToken, hostileAddress } from '../../support/classes/class-cases.ts';
import { useClassFixture } from '../../support/e2e/class-fixture.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

const logins = (...names: readonly string[]): string => `${names.join(',')}:${caseToken}`;

describe('.npmrc and .yarnrc.yml of the chart', function () {
  const fixture = useClassFixture();

  describe('read by npm', () => {
    before(needs('npm'));
    const get = (key: string, file: string): Promise<string> =>
      fixture.rendered.output('npm', ['config', 'get', key, '--userconfig', file]);

    it('find the registry, also of a scope, and the certificates', async () => {
      const plain = fixture.rendered.write('npm/npmrc/.npmrc: two connectors');
      assert.equal(await get('registry', plain), 'http://two.example.com:5000/x/');
      assert.equal(await get('strict-ssl', plain), 'false');
      assert.equal((await get('ca', plain)).match(/-BEGIN CERTIFICATE-/g)?.length, 2);
      const scoped = fixture.rendered.write('jfrog/npmrc/.npmrc: two connectors, hostile params');
      assert.match(
        await get('@abc.example:registry', scoped),
        /^https:\/\/one\.example\.com\/artifactory\/api\/npm\/\/a%20/,
      );
    });

    it("find a connector's address as its owner wrote it, without the environment in it", async () => {
      const file = fixture.rendered.write('npm/npmrc/.npmrc: one connector with a hostile address');
      assert.equal(decodeURIComponent(await get('registry', file)), `${hostileAddress}/`);
    });
  });

  describe('read by Yarn', () => {
    before(needs('yarnpkg'));
    const get = (key: string): Promise<string> =>
      fixture.rendered.output('yarnpkg', ['config', 'get', key, '--json', '--no-redacted'], {
        YARN_ENABLE_TELEMETRY: '0',
      });

    it('find the registries, for downloads and for publishing', async () => {
      fixture.rendered.write('npm/yarnrc/.yarnrc.yml: two connectors');
      assert.equal(await get('npmRegistryServer'), '"http://two.example.com:5000/x"');
      assert.equal(await get('npmPublishRegistry'), '"https://one.example.com"');
      assert.equal(await get('enableStrictSsl'), 'false');
      assert.equal(await get('unsafeHttpWhitelist'), '["two.example.com"]');
      assert.match(await get('npmRegistries'), /"\/\/one\.example\.com"/);
    });

    it('survive hostile params', async () => {
      fixture.rendered.write('npm/yarnrc/.yarnrc.yml: two connectors, hostile params');
      assert.match(await get('npmScopes'), /"abc\.example":\{.*"http:\/\/two\.example\.com:5000\/x"/);
      assert.match(await get('httpsCaFilePath'), /#d;é/);
    });

    it('bring Yarn to the proxy with all connectors and the token', async () => {
      writeFileSync(path.join(fixture.rendered.folder, 'package.json'), '{}');
      // Otherwise Yarn looks for one in the folders above.
      writeFileSync(path.join(fixture.rendered.folder, 'yarn.lock'), '');
      fixture.rendered.write('npm/yarnrc/.yarnrc.yml: two connectors', fixture.proxy.host);
      await fixture.rendered.run('yarnpkg', ['npm', 'info', 'left-pad'], {
        YARN_HTTP_RETRY: '0',
        YARN_ENABLE_TELEMETRY: '0',
      });
      assert.ok(fixture.proxy.withLogin.length > 0);
      for (const { target, proxyLogin } of fixture.proxy.withLogin) {
        assert.match(target, /two\.example\.com:5000/);
        assert.equal(decodeURIComponent(proxyLogin!), logins('ci/one', 'ci/two'));
      }
    });
  });
});
