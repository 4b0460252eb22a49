import assert from 'node:assert/strict';
import { connector, grant } from '../../support/proxy/manifests.ts';
import type { ClientAnswer, ClientRequest, ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const image = '/v2/namespaces/ci/connectors/registry/team/app/manifests/1';

describe('a request with the user name for image pulls', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  before(async () => {
    tool = await ToolServer.start('https');
    fixture = await ProxyFixture.start([
      ...['registry', 'other'].map((name) => connector(name, tool.url(), { secret: 'login', caSecret: 'tool-ca' })),
      robotLogin,
      ...grant('builder', ['registry']),
    ]);
    client = await fixture.client();
  });
  beforeEach(() => tool.seen.splice(0));
  after(async () => {
    await fixture.stop();
    await tool.stop();
  });

  function send(path: string, request: ClientRequest = {}, user = 'connectors'): Promise<ClientAnswer> {
    const authorization = `Basic ${Buffer.from(`${user}:${client.token}`).toString('base64')}`;
    return client.reverse(path, { ...request, headers: { ...request.headers, authorization } });
  }

  it('reads below /v2/, and /v2/ itself', async () => {
    for (const method of ['GET', 'HEAD']) {
      assert.equal((await send(image, { method })).status, 200);
      assert.equal((await send('/v2/', { method })).status, 200);
      assert.equal((await send('/v2/?ns=connectors.local', { method })).status, 200);
    }
    assert.deepEqual(
      tool.seen.map(({ method, url }) => `${method} ${url}`),
      ['GET /v2/team/app/manifests/1', 'HEAD /v2/team/app/manifests/1'],
    );
  });

  it('is held against the permissions of the service account, as any other', async () => {
    assert.equal((await send(image.replace('registry', 'other'))).status, 403);
    assert.equal((await send(image.replace('registry', 'absent'))).status, 403);
    assert.equal((await send('/v2/namespaces/ci/connectors/registry/../other/x')).status, 400);
    assert.deepEqual(tool.seen, []);
  });

  it('reaches the registry without the parameter of containerd, and with all others byte for byte', async () => {
    const queries = {
      '?ns=connectors.local': '',
      '?ns': '',
      '?n=1&ns=connectors.local&last=a%2Fb+c': '?n=1&last=a%2Fb+c',
      '?ns=connectors.local&n=1&&x': '?n=1&&x',
      '?digest=sha256:00&nst=1&xns=2&n%73=3&NS=4': '?digest=sha256:00&nst=1&xns=2&n%73=3&NS=4',
      '?': '?',
      '': '',
    };
    for (const query of Object.keys(queries)) await send(`${image}${query}`);
    assert.deepEqual(
      tool.seen.map(({ url }) => url),
      Object.values(queries).map((query) => `/v2/team/app/manifests/1${query}`),
    );
    await send(`${image}?ns=kept`, {}, 'other');
    assert.equal(tool.seen.at(-1)?.url, '/v2/team/app/manifests/1?ns=kept');
  });
});
