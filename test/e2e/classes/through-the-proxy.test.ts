import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { caseCertificates, caseToken } from '../../support/deploy/class-cases.js';
import { RenderedClasses, needs } from '../../support/e2e/rendered-classes.js';
import { connector, grant, secret } from '../../support/proxy/manifests.js';
import { ProxyFixture, credentialCanary, robotLogin, robotBasic } from '../../support/proxy/proxy-fixture.js';
import { ToolServer, type Answer } from '../../support/proxy/tool-server.js';

const gitlab = secret('gitlab', 'connectors.cpaas.io/gitlab-pat-auth', { token: credentialCanary });

/** Answers by path, with the type of content that the program wants. */
function answers(contents: Readonly<Record<string, string>>, type = 'application/json'): Answer {
  return (request, response) => {
    const found = contents[request.url ?? ''];
    response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': type }).end(found ?? '');
  };
}

/** The programs with the classes' files, the proxy of this project, and a server with TLS that only the proxy can resolve. */
describe('programs with files of the chart, through the proxy', function () {
  let rendered: RenderedClasses;
  let tool: ToolServer;
  let proxy: ProxyFixture;
  let token: string;

  beforeEach(async () => {
    rendered = new RenderedClasses();
    tool = await ToolServer.start('https');
    proxy = await ProxyFixture.start([
      connector('one', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
      robotLogin,
      gitlab,
      ...grant('builder', ['one']),
    ]);
    token = await proxy.token();
  });
  afterEach(async () => {
    await proxy.stop();
    await tool.stop();
    rendered.remove();
  });

  const proxyHost = (): string => `127.0.0.1:${proxy.port}`;
  /** The file as the driver would render it for this proxy, this token and this tool. */
  const write = (name: string): string =>
    rendered.write(`${name}: one connector`, proxyHost(), {
      [caseToken]: token,
      [caseCertificates]: proxy.authority,
      'https://one.example.com': tool.url(),
    });
  const assertCredential = (): void => {
    assert.ok(tool.seen.length > 0);
    for (const { headers } of tool.seen) assert.equal(headers.authorization, robotBasic);
    assert.ok(!JSON.stringify(tool.seen).includes(token));
  };

  it('let git reach the repository', async function () {
    needs('git').call(this, () => undefined);
    tool.answer = answers({}, 'text/plain');
    write('git/gitconfig/.gitconfig');
    await rendered.run('git', ['ls-remote', `${tool.url()}/team/app.git`], { GIT_TERMINAL_PROMPT: '0' });
    assert.equal(tool.seen[0]?.url, '/team/app.git/info/refs?service=git-upload-pack');
    assertCredential();
  });

  it("let npm read a package, with the proxy's certificates in its settings", async function () {
    needs('npm').call(this, () => undefined);
    const version = { name: 'thing', version: '1.2.3', dist: { tarball: `${tool.url()}/thing.tgz` } };
    const thing = JSON.stringify({ name: 'thing', 'dist-tags': { latest: '1.2.3' }, versions: { '1.2.3': version } });
    tool.answer = answers({ '/thing': thing });
    const file = write('npm/npmrc/.npmrc');
    const args = ['view', 'thing', 'version', '--userconfig', file, '--no-update-notifier'];
    assert.equal(await rendered.output('npm', args), '1.2.3');
    assertCredential();
  });

  it('let pip find versions of a package', async function () {
    needs('python3', 'pip').call(this, () => undefined);
    const page = '<a href="../../packages/thing-1.2.3-py3-none-any.whl">thing-1.2.3-py3-none-any.whl</a>';
    tool.answer = answers({ '/repository/team-repo/simple/thing/': page }, 'text/html');
    const env = { PIP_CONFIG_FILE: write('nexus/pipconf/pip.conf'), PIP_CONSTRAINT: '/dev/null' };
    const found = await rendered.output('python3', ['-m', 'pip', 'index', 'versions', 'thing'], env);
    assert.match(found, /^thing \(1\.2\.3\)/m);
    assertCredential();
  });

  it("let kubectl ask another cluster, with the proxy's certificates in its settings", async function () {
    needs('kubectl').call(this, () => undefined);
    tool.answer = answers({ '/version': '{"major":"1"}' });
    const args = ['get', '--raw', '/version', '--kubeconfig', write('k8s/kubeconfig/kubeconfig')];
    assert.equal(await rendered.output('kubectl', args), '{"major":"1"}');
    assertCredential();
  });

  it('let skopeo list the tags of an image', async function () {
    needs('skopeo').call(this, () => undefined);
    tool.answer = answers({ '/v2/': '{}', '/v2/team/app/tags/list': '{"name":"team/app","tags":["1.0"]}' });
    const registries = write('oci/registry-config/registries.conf');
    const image = `docker://${proxyHost()}/namespaces/ci/connectors/one/team/app`;
    const args = ['list-tags', '--authfile', write('oci/registry-config/config.json'), image];
    assert.match(await rendered.output('skopeo', ['--registries-conf', registries, ...args]), /"1\.0"/);
    assertCredential();
  });

  it('let glab call the API, as which GitLab knows the connector', async function () {
    needs('glab').call(this, () => undefined);
    proxy.put([
      connector('one', tool.url(), { secret: 'gitlab', caSecret: 'tool-ca' }),
      gitlab,
      ...grant('builder', ['one']),
    ]);
    tool.answer = answers({ '/api/v4/projects': '[{"id":7}]' });
    write('gitlab/gitlabconfig/config.yml');
    const env = { GLAB_CONFIG_DIR: rendered.folder, GLAB_CHECK_UPDATE: 'false' };
    assert.equal((await rendered.output('glab', ['api', 'projects'], env)).trim(), '[{"id":7}]');
    assert.equal(tool.seen[0]?.headers['private-token'], credentialCanary);
    assert.equal(tool.seen[0].headers.authorization, undefined);
  });

  it("let gh call the API with the variables of .env, its certificates' file and a login that is none", async function () {
    needs('gh').call(this, () => undefined);
    tool.answer = answers({ '/api/v3/user': '{"login":"robot"}' });
    write('github/githubconfig/config.yml');
    write('github/githubconfig/hosts.yml');
    writeFileSync(path.join(rendered.folder, 'ca.crt'), proxy.authority);
    // A whole address: gh takes no name with a port.
    const user = await rendered.output('gh', ['api', `${tool.url()}/api/v3/user`], {
      GH_CONFIG_DIR: rendered.folder,
      SSL_CERT_FILE: path.join(rendered.folder, 'ca.crt'),
      https_proxy: `http://ci%2Fone:${token}@${proxyHost()}`,
    });
    assert.equal(user, '{"login":"robot"}');
    assertCredential();
  });
});
