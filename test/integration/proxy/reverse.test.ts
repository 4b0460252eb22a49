import assert from 'node:assert/strict';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { ProxyFixture, robotLogin, robotBasic } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const prefix = '/namespaces/ci/connectors/tool';

describe('a request to the proxy itself', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    fixture = started(
      await ProxyFixture.start([
        connector('tool', `${tool.url()}/base/`, { secret: 'login', caSecret: 'tool-ca' }),
        connector('other', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
        robotLogin,
        ...grant('builder', ['tool']),
      ]),
    );
  });

  it("goes to the connector's address with its credential; the client's token goes no further", async () => {
    const client = await fixture.client();
    const byBearer = await client.reverse(`${prefix}/a?q=1`);
    assert.equal(byBearer.body, 'hello');
    const userAndToken = Buffer.from(`whoever:${client.token}`).toString('base64');
    const byBasic = await client.reverse(`${prefix}/b`, { headers: { authorization: `Basic ${userAndToken}` } });
    assert.equal(byBasic.body, 'hello');
    assert.deepEqual(
      tool.seen.map(({ url, headers }) => [url, headers.authorization, headers.host]),
      [
        ['/base/a?q=1', robotBasic, `tool.example:${tool.port}`],
        ['/base/b', robotBasic, `tool.example:${tool.port}`],
      ],
    );
    assert.ok(!JSON.stringify(tool.seen).includes(client.token));
  });

  it('has the addresses in the answer lead back to the proxy', async () => {
    const base = `${tool.url()}/base`;
    tool.answer = (_request, response) =>
      response
        .writeHead(202, [
          ...['Location', `${base}/v2/app/blobs/uploads/1?state=x`],
          ...['Link', `</base/v2/app/tags/list?n=1>; rel="next"`],
          ...['WWW-Authenticate', `Bearer realm="${base}/token",service="tool"`],
          ...['Content-Location', 'https://elsewhere.example/x'],
        ])
        .end();
    const client = await fixture.client();
    const { headers } = await client.reverse(`/v2${prefix}/app/blobs/uploads/`, { method: 'POST' });
    assert.equal(tool.seen[0]?.url, '/base/v2/app/blobs/uploads/');
    assert.equal(headers.location, `/v2${prefix}/app/blobs/uploads/1?state=x`);
    assert.equal(headers['link'], `</v2${prefix}/app/tags/list?n=1>; rel="next"`);
    const proxy = `http://127.0.0.1:${fixture.port}`;
    assert.equal(headers['www-authenticate'], `Bearer realm="${proxy}${prefix}/token",service="tool"`);
    assert.equal(headers['content-location'], 'https://elsewhere.example/x');
  });

  it('is answered as by a registry at /v2/', async () => {
    const client = await fixture.client();
    const anonymous = await client.reverse('/v2/', {}, null);
    assert.equal(anonymous.status, 401);
    assert.equal(anonymous.headers['www-authenticate'], 'Basic realm="connectors"');
    const known = await client.reverse('/v2/');
    assert.equal(known.status, 200);
    assert.equal(known.headers['docker-distribution-api-version'], 'registry/2.0');
  });

  it('is refused without a token, with one of another account, and out of its path', async () => {
    const client = await fixture.client();
    assert.equal((await client.reverse(`${prefix}/`, {}, null)).status, 401);
    assert.equal((await client.reverse(`${prefix}/../other`)).status, 400);
    assert.equal((await client.reverse(`${prefix}/%2e%2e/other`)).status, 400);
    const denied = await client.reverse('/namespaces/ci/connectors/other/');
    assert.equal(denied.status, 403);
    assert.match(denied.body, /resourceNames: \["other"\]/);
    const missing = await client.reverse('/namespaces/ci/connectors/absent/');
    assert.equal(missing.status, 403);
    assert.deepEqual(tool.seen, []);
  });

  it('leads nowhere with any other path', async () => {
    const client = await fixture.client();
    assert.equal((await client.reverse('/metrics')).status, 404);
  });
});
