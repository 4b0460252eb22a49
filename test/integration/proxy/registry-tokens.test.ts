import assert from 'node:assert/strict';
import { connector, grant, secret } from '../../support/proxy/manifests.js';
import type { ProxyClient } from '../../support/proxy/proxy-client.js';
import { ProxyStage, credentialCanary } from '../../support/proxy/proxy-stage.js';
import { TokenRegistry } from '../../support/proxy/registry.js';
import { ToolServer } from '../../support/proxy/tool-server.js';

const type = 'cpaas.io/distribution-registry-token';

describe('a registry that wants tokens of its token service', () => {
  let registry: TokenRegistry;
  let stage: ProxyStage;
  let client: ProxyClient;

  const objects = (password = credentialCanary): object[] => [
    connector('tool', registry.url, { secret: 'login', caSecret: 'tool-ca' }),
    secret('login', type, { username: 'robot', password }),
    ...grant('builder', ['tool']),
  ];

  beforeEach(async () => {
    registry = await TokenRegistry.start(`robot:${credentialCanary}`);
    stage = await ProxyStage.start(objects());
    client = await stage.client();
  });

  afterEach(async () => {
    await stage.stop();
    await registry.tool.stop();
  });

  it('gets them, and the client sees nothing of it', async () => {
    const answer = await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    assert.equal(answer.status, 200);
    assert.equal(answer.body, 'layer');
    assert.deepEqual(registry.asked, [['repository:app:pull']]);
    assert.ok(!JSON.stringify(answer).includes(credentialCanary));
  });

  it('is asked once for the same scope, also by many at once', async () => {
    const urls = Array.from({ length: 8 }, (_each, at) => `${registry.url}/v2/app/blobs/sha256:${at}`);
    const answers = await Promise.all(urls.map((url) => client.getSecurely(url)));
    assert.ok(answers.every(({ status }) => status === 200));
    await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    assert.deepEqual(registry.asked, [['repository:app:pull']]);
  });

  it('is asked for the token first where a body is under way that cannot be sent again', async () => {
    const body = Buffer.alloc(3_000_000, 'x');
    const url = `${registry.url}/v2/app/blobs/uploads/1`;
    const answer = await client.getSecurely(url, { method: 'PATCH', body });
    assert.equal(answer.status, 201);
    assert.deepEqual(registry.asked, [['repository:app:pull,push']]);
    const uploads = registry.requests.filter(({ method }) => method === 'PATCH');
    assert.equal(uploads.length, 1);
  });

  it('gets a small body a second time', async () => {
    const url = `${registry.url}/v2/app/manifests/latest`;
    assert.equal((await client.getSecurely(url, { method: 'PUT', body: '{}' })).status, 201);
    const puts = registry.requests.filter(({ method }) => method === 'PUT');
    assert.deepEqual(
      puts.map(({ body }) => body),
      ['{}', '{}'],
    );
  });

  it('is asked for both scopes when a layer is mounted from another repository', async () => {
    await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    const url = `${registry.url}/v2/app/blobs/uploads/?mount=sha256:1&from=base`;
    assert.equal((await client.getSecurely(url, { method: 'POST' })).status, 201);
    assert.deepEqual(registry.asked.at(-1), ['repository:app:pull,push', 'repository:base:pull']);
  });

  it('that has withdrawn a token is asked for another one', async () => {
    const url = `${registry.url}/v2/app/manifests/latest`;
    await client.getSecurely(url);
    registry.forgetTokens();
    assert.equal((await client.getSecurely(url)).status, 200);
    assert.equal(registry.asked.length, 2);
  });

  it('that does not accept the password is a 502 that says so', async () => {
    stage.put(objects('wrong'));
    const answer = await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    assert.equal(answer.status, 502);
    assert.match(answer.body, /registry\.example does not accept the Connector's user name and password \(401\)/);
  });

  it('cannot send the password to another host', async () => {
    const thief = await ToolServer.start('https', undefined, ['thief.example']);
    registry.realm = `${thief.url('thief.example')}/token`;
    const answer = await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    assert.equal(answer.status, 502);
    assert.match(answer.body, /https:\/\/thief\.example:\d+ as its token service.*spec\.addressExtensions/);
    assert.deepEqual(thief.seen, []);
    await thief.stop();
  });

  it('may have its token service at another address of the Connector', async () => {
    stage.put([
      connector('tool', registry.url, { secret: 'login', caSecret: 'tool-ca', extensions: ['https://auth.example'] }),
      ...objects().slice(1),
    ]);
    registry.realm = 'https://auth.example:1/token';
    const answer = await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    assert.match(answer.body, /no connection to the token service auth\.example/);
  });

  for (const isKnown of [false, true]) {
    it(`gives no token to a client that asks its token service itself, the service ${isKnown ? '' : 'not '}yet known`, async () => {
      if (isKnown) await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
      const askedBefore = registry.asked.length;
      const answer = await client.getSecurely(`${registry.url}/token?service=registry&scope=repository:app:pull,push`);
      assert.equal(answer.status, 401);
      assert.equal(registry.asked.length, askedBefore);
      assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).body, 'layer');
    });
  }

  it('that wants Basic after all gets Basic', async () => {
    registry.tool.answer = (_request, response, { headers }) => {
      if (headers.authorization?.startsWith('Basic ') === true) response.end('layer');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
    };
    const url = `${registry.url}/v2/app/manifests/latest`;
    assert.equal((await client.getSecurely(url)).body, 'layer');
    assert.equal((await client.getSecurely(url)).body, 'layer');
    // Refused, asked at its root what it wants, and two answers.
    assert.deepEqual(
      registry.tool.seen.map((seen) => seen.url.replace(/^.*app/, 'app')),
      ['app/manifests/latest', '/v2/', 'app/manifests/latest', 'app/manifests/latest'],
    );
  });

  it('that wants Basic gets it for the distribution API alone, however the path is written', async () => {
    registry.tool.answer = (_request, response, { headers }) => {
      if (headers.authorization?.startsWith('Basic ') === true) response.end('layer');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
    };
    assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).status, 200);
    for (const path of ['/token?scope=a', '/v20/', '/v2/%2e%2e/token', '/token?path=/v2/']) {
      assert.equal((await client.getSecurely(`${registry.url}${path}`)).status, 401, path);
    }
  });
});
