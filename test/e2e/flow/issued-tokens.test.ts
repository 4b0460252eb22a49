import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { DockerRegistry } from '../../support/e2e/docker-registry.js';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { serveGit } from '../../support/e2e/git-server.js';
import { writeImageLayout } from '../../support/e2e/image-layout.js';
import { containersEnvironment, needsRootForContainers } from '../../support/e2e/programs.js';
import { RegistryTokenService } from '../../support/e2e/registry-token-service.js';
import { GithubServer, appPrivateKey } from '../../support/proxy/github-server.js';
import { secret } from '../../support/proxy/manifests.js';
import { TokenEndpoint } from '../../support/proxy/token-endpoint.js';

const token = `ghs_${toolPassword}`;

describe('programs with tokens that the proxy requests', function () {
  this.timeout(180_000);
  let github: GithubServer;
  let registry: DockerRegistry;
  let sso: TokenEndpoint;
  let work: string;
  before(needsRootForContainers);
  const use = useFlowFixture(
    { hosts: ['github.test', 'containers.github.test', 'tokens.test', 'tool.example'] },
    ['curl', 'git', 'skopeo', 'docker-registry'],
    async (fixture) => {
      work = fixture.work;
      github = await GithubServer.start({
        hosts: ['github.test'],
        token,
        site: (request, response) => serveGit(work, request, response),
      });
      fixture.onStop(() => github.tool.stop());
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
      fixture.onStop(() => sso.server.stop());
      fixture.put(
        secret('app', 'connectors.alauda.io/github-app', {
          appId: 'Iv1.app',
          owner: 'ada',
          privateKey: appPrivateKey,
        }),
        secret('client', 'connectors.alauda.io/oauth2-client', {
          clientId: 'builds',
          clientSecret: toolPassword,
          tokenUrl: sso.url,
        }),
      );
      fixture.useClass('github');
      const extensions = [registry.url, tokens.url];
      const ofGithub = { className: 'github', auth: 'githubApp', secret: 'app' };
      fixture.connect('packages', github.url, { ...ofGithub, extensions });
      fixture.connect('github', github.url, ofGithub);
      fixture.connect('tool', sso.server.url(), { secret: 'client' });
      fixture.allow(['packages', 'github', 'tool']);
    },
  );
  beforeEach(() => {
    github.lifeMs = 3_600_000;
    github.isSingleUse = false;
  });

  const makeRepository = async (name: string): Promise<void> => {
    const script = `
      git init -q -b main ${name} && cd ${name}
      git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first
      git clone -q --bare . ../${name}.git
      git -C ../${name}.git config http.receivepack true`;
    const { status, output } = await use.fixture.without(script);
    assert.equal(status, 0, output);
  };

  it('curl uses the token of an OAuth 2 client', async () => {
    const volume = await use.fixture.volume({ attributes: { connectors: 'tool' } });
    const url = sso.server.url();
    assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url}/api`), 'in');
    assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt -d x ${url}/api`), 'in');
    assert.equal(sso.asked.length, 1);
    const refused = await use.fixture.try(volume, `curl -s --cacert ca.crt -d grant_type=x ${url}/oauth/token`);
    assert.ok(!refused.output.includes('out'));
    assert.equal(sso.asked.at(-1)?.headers.authorization, undefined);
  });

  it('git clones and pushes with tokens of a GitHub App', async () => {
    await makeRepository('first');
    const volume = await use.fixture.volume({ attributes: { connectors: 'github' } });
    const before = github.asked.length;
    await use.fixture.task(
      volume,
      `export GIT_SSL_CAINFO=$PWD/ca.crt
       git clone -q ${github.url}/first.git ${work}/clone && cd ${work}/clone
       git -c user.name=a -c user.email=a@b commit -q --allow-empty -m second
       git push -q origin main`,
    );
    const { stdout } = await use.fixture.without('git -C first.git log --format=%s main');
    assert.equal(stdout, 'second\nfirst\n');
    assert.equal(github.asked.length, before + 1);
  });

  it('git clones although each of its tokens is good for one request and expires at once', async () => {
    await makeRepository('third');
    github.isSingleUse = true;
    github.lifeMs = 1;
    use.fixture.connect('short', github.url, { className: 'github', auth: 'githubApp', secret: 'app' });
    use.fixture.onStop(use.fixture.allow(['short'], 'builder'));
    const volume = await use.fixture.volume({ attributes: { connectors: 'short' } });
    const before = github.asked.length;
    await use.fixture.task(
      volume,
      `export GIT_SSL_CAINFO=$PWD/ca.crt
       git clone -q ${github.url}/third.git ${work}/clone-of-third && git -C ${work}/clone-of-third log --format=%s`,
    );
    // At least one request for the references, and one for the objects.
    assert.ok(github.asked.length >= before + 2, String(github.asked.length - before));
  });

  it('skopeo copies with tokens of the registry of a GitHub App', async () => {
    const at = (name: string): string => path.join(work, name);
    writeFileSync(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
    await writeImageLayout(at('image'), 10_000);
    const volume = await use.fixture.volume({ attributes: { connectors: 'packages' } });
    const script = `
      mkdir -p ${work}/certs && cp ca.crt ${work}/certs/
      skopeo --policy ${work}/policy.json copy -q --dest-cert-dir ${work}/certs oci:${work}/image docker://${registry.address}/ada/app:1
      skopeo inspect --cert-dir ${work}/certs --format '{{.Digest}}' docker://${registry.address}/ada/app:1`;
    const digest = await use.fixture.task(volume, script, containersEnvironment(work));
    assert.match(digest, /^sha256:[0-9a-f]{64}\n$/);
    assert.ok(registry.served.some((line) => line.startsWith('PUT /v2/ada/app/manifests/1')));
  });
});
