import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { DockerRegistry } from '../../support/e2e/docker-registry.js';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { needsKnownPorts, otherAddress, ownAddress } from '../../support/e2e/host-names.js';
import { writeImageLayout } from '../../support/e2e/image-layout.js';
import { RegistryTokenService } from '../../support/e2e/registry-token-service.js';
import { FakeEcr, awsKeys, ecrApiHost, ecrHost } from '../../support/proxy/ecr.js';
import { GoogleKey } from '../../support/proxy/google-key.js';
import { secret } from '../../support/proxy/manifests.js';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.js';
import type { SeenRequest } from '../../support/proxy/tool-server.js';

const googleTokens = 'oauth2.googleapis.com';
const garHost = 'europe-west1-docker.pkg.dev';
const storageHost = 'storage.googleapis.com';
const readOnly = { access: 'read-only' };

/**
 * Programs with nothing but a volume, at the registries of clouds. The clouds' endpoints for tokens are at their own
 * names and port 443, and verify each request. The registries are real ones.
 */
describe('registries and APIs of clouds', function () {
  this.timeout(180_000);
  const key = new GoogleKey();
  let cloud: ToolServer;
  let aws: FakeEcr;
  let ecr: DockerRegistry;
  let gar: DockerRegistry;
  let garTokens: RegistryTokenService;
  let storage: ToolServer;
  const scopes: unknown[] = [];

  before(needsKnownPorts);
  const use = useFlowFixture(
    {
      hosts: [garHost, storageHost],
      otherHosts: { [ownAddress]: [ecrHost], [otherAddress]: [ecrApiHost, googleTokens] },
    },
    ['skopeo', 'docker-registry', 'curl'],
    async (fixture) => {
      const at = (name: string): string => path.join(fixture.work, name);
      cloud = new ToolServer('https', () => undefined, [ecrApiHost, googleTokens]);
      aws = new FakeEcr(cloud);
      aws.newPassword = () => toolPassword;
      const { answer: answerOfAws } = cloud;
      cloud.answer = (request, response, seen) => {
        if (seen.headers.host === googleTokens) request.on('end', () => void issue(seen, response));
        else answerOfAws(request, response, seen);
      };
      await new Promise<void>((resolve) => cloud.server.listen(443, otherAddress, resolve));
      fixture.onStop(() => cloud.stop());
      ecr = await DockerRegistry.start({
        ...{ directory: at('ecr'), host: ecrHost, address: ownAddress },
        auth: { username: 'AWS', password: toolPassword },
      });
      fixture.onStop(() => ecr.stop());
      garTokens = await RegistryTokenService.start(garHost, `oauth2accesstoken:${toolPassword}`);
      fixture.onStop(() => garTokens.stop());
      gar = await DockerRegistry.start({ directory: at('gar'), host: garHost, auth: garTokens });
      fixture.onStop(() => gar.stop());
      storage = await ToolServer.start('https', serveStorage, [storageHost]);
      fixture.onStop(() => storage.stop());

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
      fixture.connect('ecr-ro', ecr.url, { className, auth: 'awsEcr', secret: 'aws', rules: readOnly });
      fixture.connect('gar', gar.url, { className, auth: 'googleServiceAccount', secret: 'google', extensions });
      fixture.connect('storage', storage.url(storageHost), { secret: 'google' });
      fixture.connect('storage-ro', storage.url(storageHost), { secret: 'google', rules: readOnly });
      fixture.allow(['ecr', 'ecr-ro', 'gar', 'storage', 'storage-ro']);
      writeFileSync(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
      await writeImageLayout(at('image'), 100_000);
    },
  );

  async function issue({ method, url, body }: SeenRequest, response: ServerResponse): Promise<void> {
    try {
      scopes.push(await key.scopeIn(body, `https://${googleTokens}/token`));
      assert.deepEqual([method, url], ['POST', '/token']);
      response.end(JSON.stringify({ access_token: toolPassword, token_type: 'Bearer', expires_in: 3599 }));
    } catch {
      response.writeHead(400).end('{"error":"invalid_grant"}');
    }
  }

  function serveStorage({ headers }: IncomingMessage, response: ServerResponse): void {
    if (headers.authorization === `Bearer ${toolPassword}`) response.end('an object');
    else response.writeHead(401).end();
  }

  const skopeo = (words: string): string =>
    `mkdir -p ${use.fixture.work}/certs && cp ca.crt ${use.fixture.work}/certs/
     skopeo --policy ${use.fixture.work}/policy.json ${words}`;
  const certs = (): string => `${use.fixture.work}/certs`;

  for (const [connector, registry] of [['ecr', () => ecr] as const, ['gar', () => gar] as const]) {
    it(`skopeo pushes to ${connector} and pulls from it`, async () => {
      const volume = await use.fixture.volume({ attributes: { connectors: connector } });
      const image = `docker://${registry().address}/team/app:1`;
      const script = `
        ${skopeo(`copy -q --dest-cert-dir ${certs()} oci:${use.fixture.work}/image ${image}`)}
        ${skopeo(`copy -q --src-cert-dir ${certs()} ${image} dir:${use.fixture.work}/${connector}-back`)}`;
      await use.fixture.task(volume, script);
      const { served } = registry();
      assert.ok(served.includes('PUT /v2/team/app/manifests/1'), served.join('\n'));
      assert.ok(served.includes('GET /v2/team/app/manifests/1'), served.join('\n'));
    });
  }

  it('the endpoints have issued one token each, for the requests of all', () => {
    assert.equal(aws.asked.length, 1);
    assert.deepEqual(scopes, ['https://www.googleapis.com/auth/cloud-platform']);
  });

  it('skopeo pulls from a read-only Connector to ECR, and cannot push', async () => {
    const volume = await use.fixture.volume({ attributes: { connectors: 'ecr-ro' } });
    const image = `docker://${ecr.address}/team/app:1`;
    const back = `${use.fixture.work}/ro-back`;
    await use.fixture.task(volume, skopeo(`copy -q --src-cert-dir ${certs()} ${image} dir:${back}`));
    const pushed = await use.fixture.try(
      volume,
      skopeo(`copy -q --dest-cert-dir ${certs()} dir:${back} ${image.replace(/1$/, '2')}`),
    );
    assert.notEqual(pushed.status, 0);
    assert.match(pushed.output, /read-only/);
  });

  it("curl reads from an API of Google with the volume's ca.crt", async () => {
    for (const connector of ['storage', 'storage-ro']) {
      const volume = await use.fixture.volume({ attributes: { connectors: connector } });
      const url = `${storage.url(storageHost)}/bucket/object`;
      assert.equal(await use.fixture.task(volume, `curl -sSf --cacert ca.crt ${url}`), 'an object');
    }
    assert.match(String(scopes.at(-1)), /cloud-platform\.read-only/);
  });
});
