import assert from 'node:assert/strict';
import path from 'node:path';
import { caseProxyHost, caseToken, hostileText } from '../../support/classes/class-cases.ts';
import { useClassFixture } from '../../support/e2e/class-fixture.ts';
import { needs } from '../../support/e2e/rendered-classes.ts';

describe('files of the chart for the CLIs of servers', function () {
  const fixture = useClassFixture();

  describe('kubectl', () => {
    before(needs('kubectl'));
    const view = async (file: string): Promise<KubeConfig> =>
      JSON.parse(
        await fixture.rendered.output('kubectl', ['config', 'view', '--raw', '--output=json', '--kubeconfig', file]),
      ) as KubeConfig;

    it('finds cluster, proxy and certificates, under either name', async () => {
      for (const name of ['kubeconfig', 'config']) {
        const found = await view(fixture.rendered.write(`k8s/kubeconfig/${name}: one connector`));
        assert.equal(found['current-context'], 'ci/one');
        const { cluster } = found.clusters[0]!;
        assert.equal(cluster['server'], 'https://one.example.com');
        assert.equal(cluster['proxy-url'], `http://ci%2Fone:${caseToken}@${caseProxyHost}`);
        assert.match(Buffer.from(cluster['certificate-authority-data']!, 'base64').toString(), /^-----BEGIN CERT/);
      }
    });

    it('reads hostile params as they were written', async () => {
      const found = await view(fixture.rendered.write('k8s/kubeconfig/config: two connectors, hostile params'));
      assert.deepEqual(
        found.contexts.map(({ context }) => context['namespace']),
        [hostileText, hostileText],
      );
    });
  });

  describe('gh', () => {
    before(needs('gh'));
    const env = (): NodeJS.ProcessEnv => ({
      GH_CONFIG_DIR: fixture.rendered.folder,
      https_proxy: `http://ci%2Fone:${caseToken}@${fixture.proxy.host}`,
    });

    it('has what it calls a login at each server, without a token to lose', async () => {
      fixture.rendered.write('github/githubconfig/config.yml: two connectors of one server');
      fixture.rendered.write('github/githubconfig/hosts.yml: two connectors of one server');
      const args = ['auth', 'token', '--hostname', 'one.example.com'];
      assert.equal(await fixture.rendered.output('gh', args, env()), 'replaced-by-the-proxy');
      assert.equal(await fixture.rendered.output('gh', ['config', 'get', 'prompt'], env()), 'disabled');
    });
  });

  describe('glab', () => {
    before(needs('glab'));
    const env = (): NodeJS.ProcessEnv => ({ GLAB_CONFIG_DIR: fixture.rendered.folder, GLAB_CHECK_UPDATE: 'false' });

    it("calls the API at the proxy's address, with the token as any proxy takes it", async () => {
      fixture.rendered.write('gitlab/gitlabconfig/config.yml: two connectors of one server', fixture.proxy.host);
      await fixture.rendered.run('glab', ['api', 'projects'], env());
      const { method, target, login } = fixture.proxy.requests[0]!;
      assert.equal(`${method} ${target}`, 'GET /namespaces/ci/connectors/one/api/v4/projects');
      assert.equal(login, `Bearer ${caseToken}`);
    });

    it('reads hostile params as they were written', async () => {
      fixture.rendered.write('gitlab/gitlabconfig/config.yml: two connectors, hostile params');
      const args = ['config', 'get', 'ca_cert', '--host', 'one.example.com'];
      const found = await fixture.rendered.output('glab', args, env());
      assert.equal(found, path.join(hostileText, 'ca.crt'));
    });
  });
});

interface KubeConfig {
  readonly 'current-context': string;
  readonly clusters: readonly { readonly cluster: Readonly<Record<string, string>> }[];
  readonly contexts: readonly { readonly context: Readonly<Record<string, string>> }[];
}
