import assert from 'node:assert/strict';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { sendOn } from '../../support/proxy/proxy-client.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary } from '../../support/proxy/proxy-fixture.ts';
import { TokenRegistry } from '../../support/proxy/registry.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const type = 'cpaas.io/distribution-registry-token';

describe('a registry that wants tokens of its token service', () => {
  let registry: TokenRegistry;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  const objects = (password = credentialCanary, below = '', rules: Record<string, string> = {}): object[] => [
    connector('tool', `${registry.url}${below}`, { secret: 'login', caSecret: 'tool-ca', rules }),
    secret('login', type, { username: 'robot', password }),
    ...grant('builder', ['tool']),
  ];

  beforeEach(async () => {
    registry = started(await TokenRegistry.start(`robot:${credentialCanary}`));
    fixture = started(await ProxyFixture.start(objects()));
    client = await fixture.client();
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

  it('gets a body of any size once, with the token', async () => {
    const body = Buffer.alloc(3_000_000, 'x');
    const url = `${registry.url}/v2/app/blobs/uploads/1`;
    const answer = await client.getSecurely(url, { method: 'PATCH', body });
    assert.equal(answer.status, 201);
    assert.deepEqual(registry.asked, [['repository:app:pull,push']]);
    const uploads = registry.requests.filter(({ method }) => method === 'PATCH');
    assert.equal(uploads.length, 1);
  });

  it('that has withdrawn a token gets a small body a second time', async () => {
    const url = `${registry.url}/v2/app/manifests/latest`;
    await client.getSecurely(url, { method: 'PUT', body: '[]' });
    registry.forgetTokens();
    assert.equal((await client.getSecurely(url, { method: 'PUT', body: '{}' })).status, 201);
    const puts = registry.requests.filter(({ method }) => method === 'PUT');
    assert.deepEqual(
      puts.map(({ body }) => body),
      ['[]', '{}', '{}'],
    );
  });

  it('is asked for both scopes when a layer is mounted from another repository', async () => {
    await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    const url = `${registry.url}/v2/app/blobs/uploads/?mount=sha256:1&from=base`;
    assert.equal((await client.getSecurely(url, { method: 'POST' })).status, 201);
    assert.deepEqual(registry.asked.at(-1), ['repository:app:pull,push', 'repository:base:pull']);
  });

  it('is asked for the other repository of a mount only if a GET of its layer would pass', async () => {
    const pushOf = async (query: string): Promise<string | undefined> => {
      const url = `${registry.url}/v2/team/app/blobs/uploads/${query}`;
      assert.equal((await client.getSecurely(url, { method: 'POST' })).status, 201);
      return registry.requests.at(-1)?.url.replace('/v2/team/app/blobs/uploads/', '');
    };
    const mount = '?mount=sha256%3A1&from=team%2Fbase';

    fixture.put(objects(credentialCanary, '', { rules: '- deny: { paths: ["/v2/team/secret/**"] }' }));
    for (const query of [
      '?mount=sha256:1&from=team/secret',
      '?mount=sha256:1&from=team/base&from=team/secret',
      '?mount=sha256:1&from=team/base&From=team/secret',
      '?mount=sha256:1&%66rom=team/secret',
      '?mount=sha256:1;from=team/secret',
      '?mount=sha256:1&from=team/secret/../base',
      '?mount=sha256:1/../x&from=team/base',
      '?mount=sha256:1',
      '?from=team/secret',
    ])
      assert.equal(await pushOf(query), '', query);
    assert.equal(await pushOf('?a=1&mount=sha256:1&from=team/secret'), '?a=1');
    assert.deepEqual(registry.asked, [['repository:team/app:pull,push']]);
    for (const from of ['team/base', 'team%2Fbase']) {
      assert.equal(await pushOf(`?from=${from}&mount=sha256:1`), mount);
    }
    assert.deepEqual(registry.asked.at(-1), ['repository:team/app:pull,push', 'repository:team/base:pull']);

    fixture.put(objects(credentialCanary, '/v2/team'));
    assert.equal(await pushOf('?mount=sha256:1&from=team/base'), mount);
    assert.equal(await pushOf('?mount=sha256:1&from=teams/base'), '');
    assert.equal(await pushOf(`?${'a&'.repeat(300)}mount=sha256:1&from=team/base`), '');
    assert.doesNotMatch(JSON.stringify(registry.asked), /secret|teams/);
  });

  it('gets no mount by another spelling of the path', async () => {
    const { host } = new URL(registry.url);
    const root = '/v2/team/app';
    const spellings = ['blobs/uploads;x/', 'blobs;x/uploads', 'blobs//uploads/', 'blobs/./uploads/', 'blobs/uploads/.'];
    for (const rest of [
      ...[...spellings, 'Blobs/uploads/', 'blobs/UPLOADS', 'blobs/uploads//', 'blobs/uploads;x', 'blobs/uploads/;x'],
      ...['blobs%2Fuploads/', 'blobs/upload%73/', 'blobs/upload%2573', 'blobs/uploads%20/', 'blobs/uploads/%20'],
      'blobs%5Cuploads',
    ]) {
      const tunnel = await client.tunnel(host);
      const request = { method: 'POST', headers: { host } };
      await sendOn(tunnel, `${root}/${rest}?mount=sha256:1&from=team/base`, request);
      tunnel.destroy();
      assert.equal(registry.requests.at(-1)?.url, `${root}/${rest}`);
    }
    assert.doesNotMatch(JSON.stringify(registry.asked), /base/);
  });

  it('that has withdrawn a token is asked for another one', async () => {
    const url = `${registry.url}/v2/app/manifests/latest`;
    await client.getSecurely(url);
    registry.forgetTokens();
    assert.equal((await client.getSecurely(url)).status, 200);
    assert.equal(registry.asked.length, 2);
  });

  it('that does not accept the password is a 502 that says so', async () => {
    fixture.put(objects('wrong'));
    const answer = await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    assert.equal(answer.status, 502);
    assert.match(
      answer.body,
      /^wrong password of connector ci\/tool: .*registry\.example rejects user name and password \(401\)/,
    );
  });

  for (const host of ['thief.example', 'registry.example']) {
    it(`cannot send the password to ${host === 'thief.example' ? 'another host' : 'another port of its host'}`, async () => {
      const thief = started(await ToolServer.start('https', undefined, [host]));
      registry.realm = `${thief.url(host)}/token`;
      const answer = await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
      assert.equal(answer.status, 502);
      assert.match(
        answer.body,
        /^token service is no address of connector ci\/tool: .* names https:\/\/[a-z]+\.example:\d+; add this URL, scheme included, to spec\.addressExtensions/,
      );
      assert.deepEqual(thief.seen, []);
    });
  }

  it('may have its token service at another address of the Connector', async () => {
    const extensions = ['https://auth.example:1'];
    fixture.put([
      connector('tool', registry.url, { secret: 'login', caSecret: 'tool-ca', extensions }),
      ...objects().slice(1),
    ]);
    registry.realm = 'https://auth.example:1/token';
    const answer = await client.getSecurely(`${registry.url}/v2/app/manifests/latest`);
    assert.match(answer.body, /no connection to the token service auth\.example/);
  });

  for (const headers of ['Upgrade: x\r\nConnection: upgrade\r\n', '']) {
    const what = headers === '' ? '' : ' and names a protocol';
    // undici closes a connection whose response names a protocol, before the proxy sees it.
    const problem =
      headers === '' ? /registry\.example:\d+ switched protocols \(101\) without being asked to/ : /UND_ERR_SOCKET/;
    it(`that switches protocols${what}, or whose token service does, is a 502`, async () => {
      const { answer } = registry.tool;
      const switches: ToolServer['answer'] = ({ socket }) =>
        void socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`);
      const url = `${registry.url}/v2/app/manifests/latest`;
      registry.tool.answer = switches;
      const atRegistry = await client.getSecurely(url);
      assert.equal(atRegistry.status, 502);
      assert.match(atRegistry.body, problem);
      registry.tool.answer = (request, response, seen) =>
        (seen.url.startsWith('/token') ? switches : answer)(request, response, seen);
      const atService = await client.getSecurely(url);
      assert.equal(atService.status, 502);
      assert.match(atService.body, headers === '' ? /the token service registry\.example switched protocols/ : problem);
      registry.tool.answer = answer;
      assert.equal((await client.getSecurely(url)).body, 'layer');
    });
  }

  it('gets a token of another scope where it wants one', async () => {
    registry.wantedScope = 'repository:app:metadata_read';
    assert.equal((await client.getSecurely(`${registry.url}/v2/app/tags/list`)).status, 200);
    assert.deepEqual(registry.asked, [['repository:app:pull'], ['repository:app:metadata_read']]);
  });

  it('gets tokens for its root and its catalog', async () => {
    assert.equal((await client.getSecurely(`${registry.url}/v2/`)).status, 200);
    assert.equal((await client.getSecurely(`${registry.url}/v2/_catalog?n=10`)).status, 200);
    assert.deepEqual(registry.asked, [[], ['registry:catalog:*']]);
  });
});
