import assert from 'node:assert/strict';
import path from 'node:path';
import { DockerRegistry } from '../../support/e2e/docker-registry.js';
import { toolPassword, useFlowFixture } from '../../support/e2e/flow-fixture.js';
import { startGitServer } from '../../support/e2e/git-server.js';
import { GuardedServer, acceptsBearer, registryBehind } from '../../support/e2e/guarded-server.js';
import { cloneAndPush, pushAndPull } from '../../support/e2e/program-rounds.js';
import { secret } from '../../support/proxy/manifests.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const hosts = ['github.test', 'images.example', 'stored.example', 'tool.example'];

/** The expressions are those of the classes of the chart. */
describe('programs with credentials that expressions of classes make', function () {
  this.timeout(120_000);
  let api: ToolServer;
  let git: ToolServer;
  let images: GuardedServer;
  let stored: DockerRegistry;
  const use = useFlowFixture({ hosts }, ['curl', 'git', 'skopeo', 'docker-registry'], async (fixture) => {
    api = await ToolServer.start('https');
    fixture.onStop(() => api.stop());
    git = await startGitServer(fixture.work, 'github.test', `x-access-token:${toolPassword}`);
    fixture.onStop(() => git.stop());
    stored = await DockerRegistry.start({ directory: path.join(fixture.work, 'stored'), host: 'stored.example' });
    fixture.onStop(() => stored.stop());
    images = await GuardedServer.start({
      host: 'images.example',
      accepts: acceptsBearer((token) => token === toolPassword),
      serve: registryBehind(stored),
    });
    fixture.onStop(() => images.stop());
    for (const name of ['github', 'http']) fixture.useClass(name);
    fixture.put(
      secret('token', 'Opaque', { token: toolPassword }),
      secret('header', 'Opaque', { header: 'X-Api-Key', value: toolPassword }),
      secret('parameter', 'Opaque', { parameter: 'api_key', value: toolPassword }),
    );
    fixture.connect('code', git.url('github.test'), { className: 'github', auth: 'patAuth', secret: 'token' });
    fixture.connect('images', images.url, { className: 'http', auth: 'bearerAuth', secret: 'token' });
    fixture.connect('header', api.url(), { className: 'http', auth: 'headerAuth', secret: 'header' });
    fixture.connect('parameter', api.url(), { className: 'http', auth: 'queryAuth', secret: 'parameter' });
    fixture.allow(['code', 'images', 'header', 'parameter']);
  });

  const volumeOf = (connectors: string) => use.fixture.volume({ attributes: { connectors } });

  it('curl sends a header', async () => {
    const script = `curl -sSf --cacert ca.crt ${api.url()}/things?page=2`;
    assert.equal(await use.fixture.task(await volumeOf('header'), script), 'hello');
    assert.equal(api.seen.at(-1)?.headers['x-api-key'], toolPassword);
  });

  it('curl sends a query parameter', async () => {
    const script = `curl -sSf --cacert ca.crt '${api.url()}/things?page=2&api_key=mine'`;
    assert.equal(await use.fixture.task(await volumeOf('parameter'), script), 'hello');
    assert.equal(api.seen.at(-1)?.url, `/things?page=2&api_key=${toolPassword}`);
  });

  it('git clones and pushes', async () => {
    await cloneAndPush(use.fixture, await volumeOf('code'), git.url('github.test'), 'generated');
  });

  it('skopeo pushes and pulls', async () => {
    await pushAndPull(use.fixture, await volumeOf('images'), `${images.address}/team/app:1`);
    assert.ok(stored.served.includes('PUT /v2/team/app/manifests/1'), stored.served.join('\n'));
    assert.equal(images.rejected, 0);
  });
});
