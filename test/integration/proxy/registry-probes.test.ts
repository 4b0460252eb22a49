import assert from 'node:assert/strict';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import type { ConnectorOptions } from '../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary, robotBasic } from '../../support/proxy/proxy-fixture.ts';
import { TokenRegistry } from '../../support/proxy/registry.ts';
import type { TokenRegistryOptions } from '../../support/proxy/registry.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const type = 'cpaas.io/distribution-registry-token';
const query = 'service=registry&scope=repository:app:pull,push';

describe('how a registry wants its clients to authenticate', () => {
  let fixture: ProxyFixture;
  let client: ProxyClient;
  let nowMs: number;

  const use = (address: string, options: ConnectorOptions = {}): void =>
    fixture.put([
      connector('tool', address, { secret: 'login', caSecret: 'tool-ca', ...options }),
      secret('login', type, { username: 'robot', password: credentialCanary }),
      ...grant('builder', ['tool']),
    ]);
  const start = async (options: TokenRegistryOptions): Promise<TokenRegistry> => {
    const registry = started(await TokenRegistry.start(`robot:${credentialCanary}`, options));
    use(registry.url);
    return registry;
  };
  const startTool = async (hosts: readonly string[], answer?: ToolServer['answer']): Promise<ToolServer> => {
    return started(await ToolServer.start('https', answer, hosts));
  };
  const wantsBasic: ToolServer['answer'] = (_request, response, { headers }) => {
    if (headers.authorization === robotBasic) response.end('layer');
    else response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
  };

  beforeEach(async () => {
    nowMs = Date.now();
    fixture = started(await ProxyFixture.start([], { now: () => nowMs }));
    client = await fixture.client();
  });

  describe('is learnt without giving tokens to clients that ask the token service themselves, which is', () => {
    const places: readonly [string, TokenRegistryOptions][] = [
      ['beside the API', {}],
      ['below the API', { tokenPath: '/v2/token' }],
      ['below the API, and takes tokens', { tokenPath: '/v2/token', exchangesTokens: true }],
      ['below the API of a registry below a path', { path: '/registry', tokenPath: '/v2/token' }],
      ['below an API whose root is open', { tokenPath: '/v2/token', isRootOpen: true }],
      [
        'below an API whose root is open, and takes tokens',
        { tokenPath: '/v2/token', isRootOpen: true, exchangesTokens: true },
      ],
    ];
    for (const [place, options] of places) {
      for (const isKnown of [false, true]) {
        it(`${place}, ${isKnown ? 'already' : 'not yet'} known`, async () => {
          const registry = await start(options);
          const manifest = `${registry.url}/v2/app/manifests/latest`;
          if (isKnown) assert.equal((await client.getSecurely(manifest)).body, 'layer');
          const askedBefore = registry.asked.length;
          for (const below of ['', '/', '/manifests/x', '/blobs/uploads/', '/tags/list']) {
            for (const method of ['GET', 'POST']) {
              const { status } = await client.getSecurely(`${registry.tokenUrl}${below}?${query}`, { method });
              assert.equal(status, 401, `${method} ${below}`);
            }
          }
          assert.equal(registry.asked.length, askedBefore);
          const shown = registry.tokenRequests.filter(({ headers }) => headers.authorization !== undefined);
          assert.equal(shown.length, askedBefore, 'no credential but with requests of the proxy itself');
          assert.equal((await client.getSecurely(manifest)).body, 'layer');
        });
      }
    }

    it('at an address of its own, and responds to every path', async () => {
      const registry = await start({});
      const tokens = await startTool(['auth.example'], (_request, response, { headers }) => {
        if (headers.authorization === robotBasic) response.end('{"token":"x"}');
        else response.writeHead(401, { 'www-authenticate': 'Basic realm="tokens"' }).end();
      });
      const service = tokens.url('auth.example');
      registry.realm = `${service}/token`;
      use(registry.url, { extensions: [service] });
      for (const path of ['/v2/', '/v2/app/manifests/latest', '/token']) {
        assert.equal((await client.getSecurely(`${service}${path}?${query}`)).status, 401, path);
      }
      await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
      const shown = tokens.seen.filter(({ headers }) => headers.authorization !== undefined);
      assert.deepEqual(
        [...new Set(shown.map(({ url }) => url))],
        ['/token?service=registry&scope=repository%3Aapp%3Apull'],
      );
    });
  });

  it('is learnt below the path of the Connector, forward and reverse', async () => {
    const registry = await start({ path: '/a/registry' });
    assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).body, 'layer');
    const prefix = '/namespaces/ci/connectors/tool';
    assert.equal((await client.reverse(`/v2${prefix}/app/manifests/latest`)).body, 'layer');
    assert.equal((await client.reverse(`${prefix}/v2/app/tags/list`)).body, 'layer');
    assert.deepEqual(
      registry.requests.map(({ url }) => url),
      [
        '/a/registry/v2/',
        '/a/registry/v2/app/manifests/latest',
        '/a/registry/v2/app/manifests/latest',
        '/a/registry/v2/app/tags/list',
      ],
    );
    assert.deepEqual(registry.asked, [['repository:app:pull']]);
  });

  it('is learnt at the API that an address is part of', async () => {
    const registry = await start({});
    use(`${registry.url}/v2/team`);
    assert.equal((await client.getSecurely(`${registry.url}/v2/team/app/manifests/latest`)).body, 'layer');
    assert.equal((await client.getSecurely(`${registry.url}/v2/other/app/manifests/latest`)).status, 401);
  });

  it('is learnt once, also by many at once', async () => {
    const registry = await start({});
    const urls = Array.from({ length: 8 }, (_each, at) => `${registry.url}/v2/app-${at}/manifests/latest`);
    const answers = await Promise.all(urls.map((url) => client.getSecurely(url)));
    assert.ok(answers.every(({ body }) => body === 'layer'));
    assert.equal(registry.requests.filter(({ url }) => url === '/v2/').length, 1);
  });

  it('is learnt with a request for the same manifest where the root is open to everybody', async () => {
    const registry = await start({ isRootOpen: true });
    assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).body, 'layer');
    assert.deepEqual(
      registry.requests.map(({ method, url, headers }) => [method, url, headers.authorization?.slice(0, 6)]),
      [
        ['GET', '/v2/', undefined],
        ['GET', '/v2/app/manifests/latest', undefined],
        ['HEAD', '/v2/app/manifests/latest', undefined],
        ['GET', '/v2/app/manifests/latest', 'Bearer'],
      ],
    );
    assert.equal((await client.getSecurely(`${registry.url}/v2/other/manifests/latest`)).body, 'layer');
    assert.equal(registry.requests.length, 5);
  });

  it('is learnt with a request to begin a push where everybody may pull', async () => {
    const registry = await start({ isRootOpen: true, isPublic: true });
    assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).body, 'layer');
    assert.deepEqual(registry.asked, []);
    const uploads = `${registry.url}/v2/app/blobs/uploads/`;
    assert.equal((await client.getSecurely(uploads, { method: 'POST' })).status, 201);
    assert.deepEqual(registry.asked, [['repository:app:pull,push']]);
  });

  it('is learnt first where a body comes that could not be sent again', async () => {
    const registry = await start({ isRootOpen: true, isPublic: true });
    const body = Buffer.alloc(3_000_000, 'x');
    const upload = `${registry.url}/v2/app/blobs/uploads/1`;
    assert.equal((await client.getSecurely(upload, { method: 'PATCH', body })).status, 201);
    assert.deepEqual(
      registry.requests.map(({ method, url }) => `${method} ${url}`),
      ['GET /v2/', 'POST /v2/app/blobs/uploads/', 'PATCH /v2/app/blobs/uploads/1'],
    );
  });

  it('is Basic where its root says so', async () => {
    const tool = await startTool(['registry.example'], wantsBasic);
    const url = tool.url('registry.example');
    use(url);
    for (const path of ['/v2/', '/v2/app/manifests/latest', '/v2/app/blobs/sha256:1']) {
      assert.equal((await client.getSecurely(`${url}${path}`)).body, 'layer');
    }
    assert.equal(tool.seen.length, 4, 'one probe');
    for (const path of ['/token?scope=a', '/v20/', '/token?path=/v2/', '/v2/token', '/v2/a/b']) {
      assert.equal((await client.getSecurely(`${url}${path}`)).status, 401, path);
    }
  });

  it('is not Basic where its root does not say so', async () => {
    const tool = await startTool(['registry.example'], (request, response, seen) => {
      if (seen.url === '/v2/') response.end('{}');
      else wantsBasic(request, response, seen);
    });
    const url = tool.url('registry.example');
    use(url);
    for (const method of ['GET', 'PUT']) {
      assert.equal((await client.getSecurely(`${url}/v2/app/manifests/latest`, { method })).status, 401);
    }
    assert.ok(tool.seen.every(({ headers }) => headers.authorization === undefined));
  });

  it('is that of each of the addresses of a Connector', async () => {
    const [one, two] = [await startTool(['one.example'], wantsBasic), await startTool(['two.example'], wantsBasic)];
    use(one.url('one.example'), { extensions: [two.url('two.example')] });
    assert.equal((await client.getSecurely(`${two.url('two.example')}/v2/app/tags/list`)).body, 'layer');
    assert.equal((await client.getSecurely(`${one.url('one.example')}/v2/app/tags/list`)).body, 'layer');
  });

  it('is learnt again where it has changed', async () => {
    const registry = await start({});
    const manifest = `${registry.url}/v2/app/manifests/latest`;
    assert.equal((await client.getSecurely(manifest)).body, 'layer');
    registry.tool.answer = wantsBasic;
    nowMs += 11_000;
    assert.equal((await client.getSecurely(manifest)).body, 'layer');
    assert.equal(registry.tool.seen.at(-1)?.headers.authorization, robotBasic);
  });

  it('is a 502 that says so where that cannot be learnt, and learnt with the next request', async () => {
    const registry = await start({});
    const { answer } = registry.tool;
    registry.tool.answer = (_request, response) => void response.writeHead(503).end();
    const manifest = `${registry.url}/v2/app/manifests/latest`;
    const failed = await client.getSecurely(manifest);
    assert.equal(failed.status, 502);
    assert.match(failed.body, /registry\.example:\d+ responded 503 to GET \/v2\/: the proxy cannot learn how/);
    registry.tool.answer = answer;
    assert.equal((await client.getSecurely(manifest)).body, 'layer');
  });

  it('leads to a token service with https also where the registry has none', async () => {
    const registry = started(await TokenRegistry.start(`robot:${credentialCanary}`));
    const plain = started(await ToolServer.start('http', registry.tool.answer, ['plain.example']));
    use(plain.url('plain.example'), { extensions: [registry.url] });
    assert.equal((await client.get(`${plain.url('plain.example')}/v2/app/manifests/latest`)).body, 'layer');
  });
});
