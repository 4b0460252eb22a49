import assert from 'node:assert/strict';
import path from 'node:path';
import { DockerRegistry } from '../../support/e2e/docker-registry.js';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { serveGit } from '../../support/e2e/git-server.js';
import { GuardedServer, acceptsBearer, registryBehind } from '../../support/e2e/guarded-server.js';
import { cloneAndPush, makeRepository, pushAndPull } from '../../support/e2e/program-rounds.js';
import { RegistryTokenService } from '../../support/e2e/registry-token-service.js';
import { GithubServer, appPrivateKey } from '../../support/proxy/github-server.js';
import { secret } from '../../support/proxy/manifests.js';
import { TokenEndpoint } from '../../support/proxy/token-endpoint.js';

const token = `ghs_${toolPassword}`;
const hosts = [
  ...['github.test', 'api.github.test', 'containers.github.test', 'tokens.test'],
  ...['tool.example', 'code.example', 'images.example', 'stored.example'],
];

describe('programs with tokens that the proxy requests', function () {
  this.timeout(180_000);
  let github: GithubServer;
  let registry: DockerRegistry;
  let sso: TokenEndpoint;
  let code: GuardedServer;
  let images: GuardedServer;
  let stored: DockerRegistry;
  let work: string;
  const use = useFlowFixture({ hosts }, ['curl', 'git', 'skopeo', 'docker-registry'], async (fixture) => {
    work = fixture.work;
    github = await GithubServer.start({
      hosts: ['github.test', 'api.github.test'],
      token,
      site: (request, response) => serveGit(work, request, response),
    });
    fixture.onStop(() => github.stop());
    const tokens = await RegistryTokenService.start('tokens.test', (login) =>
      github.valid.has(login.replace('x-access-token:', '')),
    );
    fixture.onStop(() => tokens.stop());
    registry = await DockerRegistry.start({
      directory: path.join(work, 'registry'),
      host: 'containers.github.test',
      auth: tokens,
    });
    fixture.onStop(() => registry.stop());
    sso = await TokenEndpoint.start();
    sso.prefix = toolPassword;
    sso.client = `builds:${toolPassword}`;
    fixture.onStop(() => sso.server.stop());
    const accepts = acceptsBearer((shown) => sso.accepts(shown));
    code = await GuardedServer.start({
      ...{ host: 'code.example', accepts },
      serve: (request, response) => serveGit(work, request, response),
    });
    fixture.onStop(() => code.stop());
    stored = await DockerRegistry.start({ directory: path.join(work, 'stored'), host: 'stored.example' });
    fixture.onStop(() => stored.stop());
    images = await GuardedServer.start({ host: 'images.example', accepts, serve: registryBehind(stored) });
    fixture.onStop(() => images.stop());
    fixture.put(
      secret('app', 'connectors.alauda.io/github-app', {
        appId: 'Iv1.app',
        installationId: '77',
        privateKey: appPrivateKey,
      }),
      secret('client', 'connectors.alauda.io/oauth2-client', {
        clientId: 'builds',
        clientSecret: toolPassword,
        tokenUrl: sso.url,
      }),
    );
    for (const name of ['github', 'git', 'oci']) fixture.useClass(name);
    const ofGithub = { className: 'github', auth: 'githubApp', secret: 'app' };
    fixture.connect('packages', github.url, { ...ofGithub, extensions: [registry.url, tokens.url] });
    fixture.connect('github', github.url, { ...ofGithub, extensions: [github.tool.url('api.github.test')] });
    const ofClient = { secret: 'client', extensions: [sso.server.url()] };
    fixture.connect('tool', sso.server.url(), { secret: 'client' });
    fixture.connect('code', code.url, { className: 'git', ...ofClient });
    fixture.connect('images', images.url, { className: 'oci', ...ofClient });
    fixture.allow(['packages', 'github', 'tool', 'code', 'images']);
  });
  beforeEach(() => {
    github.lifeMs = 3_600_000;
    github.isSingleUse = false;
  });

  const volumeOf = (connectors: string) => use.fixture.volume({ attributes: { connectors } });

  it('curl uses the token of an OAuth 2 client', async () => {
    const volume = await volumeOf('tool');
    const url = sso.server.url();
    assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url}/api`), 'in');
    assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt -d x ${url}/api`), 'in');
    assert.equal(sso.asked.length, 1);
    // The client's identity is not lent to programs that request tokens themselves.
    const refused = await use.fixture.try(volume, `curl -s --cacert ca.crt -d grant_type=x ${url}/oauth/token`);
    assert.equal(refused.output, '{"error":"invalid_client"}');
    assert.equal(sso.asked.at(-1)?.headers.authorization, undefined);
  });

  it('git clones and pushes with the token of an OAuth 2 client', async () => {
    await cloneAndPush(use.fixture, await volumeOf('code'), code.url, 'of-client');
    assert.equal(code.rejected, 0);
  });

  it('skopeo pushes and pulls with the token of an OAuth 2 client', async () => {
    await pushAndPull(use.fixture, await volumeOf('images'), `${images.address}/team/app:1`);
    assert.ok(stored.served.includes('PUT /v2/team/app/manifests/1'), stored.served.join('\n'));
    assert.equal(images.rejected, 0);
  });

  it('curl uses the token of a GitHub App at the API, on its own host and below the server', async () => {
    const volume = await volumeOf('github');
    for (const url of [`${github.tool.url('api.github.test')}/user`, `${github.url}/api/v3/user`]) {
      assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url}`), '{}');
      assert.match(github.tool.seen.at(-1)?.headers.authorization ?? '', /^Bearer ghs_/);
    }
  });

  it('git clones and pushes with tokens of a GitHub App', async () => {
    const before = github.asked.length;
    await cloneAndPush(use.fixture, await volumeOf('github'), github.url, 'of-app');
    assert.ok(github.asked.length <= before + 1);
    assert.match(github.tool.seen.at(-1)?.headers.authorization ?? '', /^Basic /);
  });

  it('git clones although each of its tokens is good for one request and expires at once', async () => {
    await makeRepository(use.fixture, 'third');
    github.isSingleUse = true;
    github.lifeMs = 1;
    use.fixture.connect('short', github.url, { className: 'github', auth: 'githubApp', secret: 'app' });
    use.fixture.onStop(use.fixture.allow(['short'], 'builder'));
    const volume = await volumeOf('short');
    const before = github.asked.length;
    await use.fixture.task(
      volume,
      `export GIT_SSL_CAINFO=$PWD/ca.crt
       git clone -q ${github.url}/third.git ${work}/clone-of-third && git -C ${work}/clone-of-third log --format=%s`,
    );
    // At least one request for the references, and one for the objects.
    assert.ok(github.asked.length >= before + 2, String(github.asked.length - before));
  });

  it('skopeo pushes and pulls with tokens of the registry of a GitHub App', async () => {
    await pushAndPull(use.fixture, await volumeOf('packages'), `${registry.address}/ada/app:1`);
    assert.ok(registry.served.includes('PUT /v2/ada/app/manifests/1'), registry.served.join('\n'));
  });
});
