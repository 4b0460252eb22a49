import assert from 'node:assert/strict';
import { GithubServer, appPrivateKey } from '../../../support/proxy/github-server.ts';
import { connector, grant, secret } from '../../../support/proxy/manifests.ts';
import type { ConnectorOptions } from '../../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../../support/proxy/proxy-client.ts';
import { ProxyFixture } from '../../../support/proxy/proxy-fixture.ts';
import { TokenRegistry } from '../../../support/proxy/registry.ts';
import { started } from '../../../support/started.ts';

const type = 'connectors.alauda.io/github-app';

describe('a Secret of type github-app', () => {
  let github: GithubServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;
  let nowMs: number;

  beforeEach(async () => {
    nowMs = Date.now();
    const now = (): number => nowMs;
    github = started(await GithubServer.start({ now }));
    fixture = started(await ProxyFixture.start([], { now, monotonicNow: now }));
    client = await fixture.client('ci/tool', { expiresIn: 24 * 3600 });
  });

  afterEach(() => {
    const { log } = fixture;
    assert.ok(!log.includes(appPrivateKey.slice(100, 140)), 'the private key is in the log');
    assert.doesNotMatch(log, /eyJ[-\w]+\.eyJ/, 'an assertion is in the log');
  });

  const put = (data: Readonly<Record<string, string>> = {}, options: ConnectorOptions = {}): void =>
    fixture.put([
      connector('tool', github.url, { secret: 'login', caSecret: 'tool-ca', ...options }),
      ...grant('builder', ['tool']),
      secret('login', type, { appId: 'Iv1.app', installationId: '77', privateKey: appPrivateKey, ...data }),
    ]);
  const get = (path: string, method = 'GET'): ReturnType<ProxyClient['getSecurely']> =>
    client.getSecurely(`${github.url}${path}`, { method });

  it('becomes a token of the installation: Bearer at the API, Basic elsewhere', async () => {
    put();
    assert.equal((await get('/api/v3/repos/ada/app')).status, 200);
    assert.equal((await get('/ada/app.git/info/refs?service=git-upload-pack')).body, 'site');
    assert.deepEqual(github.asked, [{ installation: '77' }]);
    assert.deepEqual(github.ofApp, ['POST /app/installations/77/access_tokens']);
    assert.deepEqual(
      github.ofClients.map(({ headers }) => headers.authorization?.split(' ')[0]),
      ['Bearer', 'Basic'],
    );
  });

  it('requests only the given repositories and permissions', async () => {
    put({ repositories: 'app\nlib, docs\n', permissions: 'contents: write\npackages: read\n' });
    await get('/api/v3/user');
    const permissions = { contents: 'write', packages: 'read' };
    assert.deepEqual(github.asked, [{ installation: '77', repositories: ['app', 'lib', 'docs'], permissions }]);
  });

  it('lets no client revoke the token, or ask for another one', async () => {
    put();
    await get('/api/v3/user');
    const paths = [
      '/api/v3/installation/token',
      '/api/v3//Installation/token/',
      '/api/v3/installation/%2574oken',
      '/api/v3/./installation/token',
      '/api/v3/installation%5Ctoken',
      '/API/v3/installation/token;x=y',
      '/api/v3/installation/token.json',
      '/installation/token',
    ];
    for (const path of paths) await get(path, 'DELETE');
    for (const path of ['/api/v3/app/installations/77/access_tokens', '/api/v3/app/installations/']) {
      await get(path, 'POST');
    }
    const [, ...later] = github.tool.seen.filter(
      ({ url }) => !url.includes('access_tokens') || github.asked.length > 1,
    );
    assert.equal(later.length, paths.length + 1);
    assert.deepEqual(
      later.filter(({ headers }) => headers.authorization !== undefined),
      [],
    );
    assert.equal((await get('/api/v3/user')).status, 200);
  });

  it('is used by the token service of the container registry', async () => {
    const registry = started(await TokenRegistry.start('x', { host: 'containers.github.example' }));
    put({}, { extensions: [registry.url] });
    registry.login = 'x-access-token:ghs_CREDENTIAL-CANARY-5b1e-1';
    const url = `${registry.url}/v2/ada/app/manifests/latest`;
    const answer = await client.getSecurely(url);
    assert.deepEqual([answer.status, answer.body], [200, 'layer']);
    assert.deepEqual(registry.asked, [['repository:ada/app:pull']]);
    // Neither the password at another path, nor a token of the registry to clients.
    assert.ok(registry.requests.every(({ headers }) => !(headers.authorization ?? '').startsWith('Basic')));
    await client.getSecurely(`${registry.tokenUrl}?scope=repository:ada/app:pull`);
    assert.equal(registry.tokenRequests.at(-1)?.headers.authorization, undefined);
    // GitHub has revoked the first token: the token service rejects it, and gets the next one.
    registry.forgetTokens();
    github.valid.clear();
    registry.login = 'x-access-token:ghs_CREDENTIAL-CANARY-5b1e-2';
    assert.equal((await client.getSecurely(`${registry.url}/v2/ada/lib/manifests/1`)).status, 502);
    nowMs += 5_000;
    assert.equal((await client.getSecurely(`${registry.url}/v2/ada/lib/manifests/1`)).body, 'layer');
    assert.equal(github.asked.length, 2);
  });

  const refusals: readonly [number, RegExp][] = [
    [401, /\(status 401\): see whether appId and privateKey belong to one App/],
    [403, /\(status 403\): see whether the installation is suspended/],
    [404, /\(status 404\): see whether the App is installed/],
    [422, /\(status 422\): request only repositories and permissions/],
    [201, /\(no token\)/],
  ];
  for (const [status, message] of refusals) {
    it(`says why GitHub issues no token: ${status}`, async () => {
      put();
      github.refusal = { status, body: '{"message":"PROVIDER","documentation_url":"PROVIDER"}' };
      const answer = await get('/api/v3/user');
      assert.equal(answer.status, 502);
      assert.match(answer.body, /^Secret ci\/login: https:\/\/github\.example:\d+ issues no token for it/);
      assert.match(answer.body, message);
      assert.ok(![answer.body, fixture.log].some((text) => text.includes('PROVIDER')));
    });
  }

  const unusable: readonly [string, Readonly<Record<string, string>>, RegExp][] = [
    ['no appId', { appId: '' }, /it has no appId/],
    ['an appId that is none', { appId: 'a b' }, /its appId cannot be used: set it to the ID/],
    ['no installation', { installationId: '' }, /it has no installationId: add the key installationId/],
    ['an installationId that is a path', { installationId: '77/../78' }, /its installationId cannot be used/],
    ['a repository with its owner', { repositories: 'ada/app' }, /its repositories cannot be used/],
    ['unknown permissions', { permissions: 'contents: all' }, /its permissions cannot be used/],
    ['no privateKey', { privateKey: '' }, /its privateKey is not one unencrypted RSA key/],
  ];
  for (const [what, data, message] of unusable) {
    it(`with ${what} is a 502 that says so`, async () => {
      put(data);
      const answer = await get('/api/v3/user');
      assert.equal(answer.status, 502);
      assert.match(answer.body, message);
      assert.deepEqual(github.tool.seen, []);
    });
  }
});

describe('a Secret of type github-app for ghcr.io', () => {
  it('gets its token from the API of github.com at an address of the Connector', async () => {
    const github = started(await GithubServer.start({ hosts: ['ghcr.io', 'api.github.com'], root: '/app' }));
    const fixture = started(await ProxyFixture.start([]));
    fixture.put([
      connector('tool', github.url, { secret: 'login', caSecret: 'tool-ca' }),
      ...grant('builder', ['tool']),
      secret('login', type, { appId: 'Iv1.app', installationId: '77', privateKey: appPrivateKey }),
    ]);
    const client = await fixture.client();
    const answer = await client.getSecurely(`${github.url}/v2/ada/app/manifests/1`);
    assert.equal(answer.status, 502);
    // At another port it is not GitHub's own host.
    assert.match(
      answer.body,
      /^Secret ci\/login: spec\.address, whose API issues tokens, leads to https:\/\/api\.github\.com:\d+, which is no/,
    );
    assert.deepEqual(github.tool.seen, []);
  });
});
