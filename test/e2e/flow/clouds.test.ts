import assert from 'node:assert/strict';
import path from 'node:path';
import { DockerRegistry } from '../../support/e2e/docker-registry.ts';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.ts';
import { serveGit } from '../../support/e2e/git-server.ts';
import { GuardedServer, acceptsBasic, acceptsBearer } from '../../support/e2e/guarded-server.ts';
import { needsKnownPorts, otherAddress, ownAddress } from '../../support/e2e/host-names.ts';
import { cloneAndPush, pushAndPull } from '../../support/e2e/program-rounds.ts';
import { RegistryTokenService } from '../../support/e2e/registry-token-service.ts';
import { FakeEcr, awsKeys, ecrApiHost, ecrHost } from '../../support/proxy/ecr.ts';
import { GoogleKey } from '../../support/proxy/google-key.ts';
import { GoogleTokens } from '../../support/proxy/google-tokens.ts';
import { secret } from '../../support/proxy/manifests.ts';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.ts';

const googleTokens = 'oauth2.googleapis.com';
const garHost = 'europe-west1-docker.pkg.dev';
const storageHost = 'storage.googleapis.com';
const sourceHost = 'source.developers.google.com';
const packagesHost = 'europe-west1-python.pkg.dev';

/**
 * Programs with nothing but a volume, at the registries of clouds. The clouds' endpoints for tokens are at their own
 * names and port 443, and verify each request. The registries are real ones.
 */
describe('registries and APIs of clouds', function () {
  this.timeout(180_000);
  const key = new GoogleKey();
  const google = new GoogleTokens(key, `https://${googleTokens}/token`, toolPassword);
  let cloud: ToolServer;
  let aws: FakeEcr;
  let ecr: DockerRegistry;
  let gar: DockerRegistry;
  let garTokens: RegistryTokenService;
  let storage: GuardedServer;
  let source: GuardedServer;
  let packages: GuardedServer;

  before(needsKnownPorts);
  const use = useFlowFixture(
    {
      hosts: [garHost, storageHost, sourceHost, packagesHost],
      otherHosts: { [ownAddress]: [ecrHost], [otherAddress]: [ecrApiHost, googleTokens] },
    },
    ['skopeo', 'docker-registry', 'curl', 'git'],
    async (fixture) => {
      const at = (name: string): string => path.join(fixture.work, name);
      cloud = new ToolServer('https', () => undefined, [ecrApiHost, googleTokens]);
      aws = new FakeEcr(cloud);
      aws.newPassword = () => toolPassword;
      const { answer: answerOfAws } = cloud;
      cloud.answer = (request, response, seen) => {
        if (seen.headers.host === googleTokens) request.on('end', () => void google.issue(seen, response));
        else answerOfAws(request, response, seen);
      };
      await new Promise<void>((resolve) => cloud.server.listen(443, otherAddress, resolve));
      fixture.onStop(() => cloud.stop());
      ecr = await DockerRegistry.start({
        ...{ directory: at('ecr'), host: ecrHost, address: ownAddress },
        auth: { username: 'AWS', password: toolPassword },
      });
      fixture.onStop(() => ecr.stop());
      garTokens = await RegistryTokenService.start(garHost, (login) =>
        google.accepts(login.replace('oauth2accesstoken:', '')),
      );
      fixture.onStop(() => garTokens.stop());
      gar = await DockerRegistry.start({ directory: at('gar'), host: garHost, auth: garTokens });
      fixture.onStop(() => gar.stop());
      const accepts = acceptsBearer((token) => google.accepts(token));
      storage = await GuardedServer.start({
        ...{ host: storageHost, accepts },
        serve: (_request, response) => void response.end('an object'),
      });
      fixture.onStop(() => storage.stop());
      source = await GuardedServer.start({
        ...{ host: sourceHost, accepts },
        serve: (request, response) => serveGit(fixture.work, request, response),
      });
      fixture.onStop(() => source.stop());
      packages = await GuardedServer.start({
        host: packagesHost,
        accepts: acceptsBasic('oauth2accesstoken', (token) => google.accepts(token)),
        serve: (_request, response) => void response.end('an index'),
      });
      fixture.onStop(() => packages.stop());

      const labels = { 'connectors.cpaas.io/ca-cert': 'true' };
      const cas = { namespace: 'connectors-system', labels };
      fixture.put(
        secret('clouds', 'Opaque', { 'ca.crt': toolAuthority.certificate }, cas),
        secret('aws', 'connectors.alauda.io/aws-ecr', awsKeys),
        secret('google', 'connectors.alauda.io/google-service-account', { 'key.json': key.file() }),
      );
      fixture.useClass('oci');
      const className = 'oci';
      const extensions = [garTokens.url];
      fixture.connect('ecr', ecr.url, { className, auth: 'awsEcr', secret: 'aws' });
      fixture.connect('gar', gar.url, { className, auth: 'googleServiceAccount', secret: 'google', extensions });
      fixture.connect('storage', storage.url, { secret: 'google' });
      fixture.connect('source', source.url, { secret: 'google' });
      fixture.connect('packages', packages.url, { secret: 'google' });
      fixture.allow(['ecr', 'gar', 'storage', 'source', 'packages']);
    },
  );

  for (const [connector, registry] of [['ecr', () => ecr] as const, ['gar', () => gar] as const]) {
    it(`skopeo pushes to ${connector} and pulls from it, and curl lists the tags`, async () => {
      const volume = await use.fixture.volume({ attributes: { connectors: connector } });
      const { address, url } = registry();
      await pushAndPull(use.fixture, volume, `${address}/team/app:1`);
      for (const method of ['PUT', 'GET']) {
        assert.ok(registry().served.includes(`${method} /v2/team/app/manifests/1`), registry().served.join('\n'));
      }
      const tags = await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url}/v2/team/app/tags/list`);
      assert.equal(tags, '{"name":"team/app","tags":["1"]}\n');
    });
  }

  it('the endpoints have issued one token each, for the requests of all', () => {
    assert.equal(aws.asked.length, 1);
    assert.deepEqual(google.scopes, ['https://www.googleapis.com/auth/cloud-platform']);
  });

  it("curl reads from an API of Google with the volume's ca.crt", async () => {
    const volume = await use.fixture.volume({ attributes: { connectors: 'storage' } });
    const url = `${storage.url}/bucket/object`;
    assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url}`), 'an object');
  });

  it('curl reads from a repository of packages of Google', async () => {
    const volume = await use.fixture.volume({ attributes: { connectors: 'packages' } });
    const url = `${packages.url}/project/python/simple/`;
    assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url}`), 'an index');
  });

  // Amazon has no Git server that accepts the keys of ECR: CodeCommit has passwords of its own.
  it('git clones from a Git server of Google and pushes to it', async () => {
    const volume = await use.fixture.volume({ attributes: { connectors: 'source' } });
    await cloneAndPush(use.fixture, volume, source.url, 'of-account');
    assert.equal(source.rejected, 0);
  });
});
