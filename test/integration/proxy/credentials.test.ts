import assert from 'node:assert/strict';
import { connector, connectorClass, grant, secret } from '../../support/proxy/manifests.ts';
import type { ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary, robotLogin, robotBasic } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('the credential of a Connector', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  beforeEach(async () => {
    tool = started(await ToolServer.start('http'));
    fixture = started(await ProxyFixture.start([]));
    client = await fixture.client();
  });

  const put = (...objects: readonly object[]): void =>
    fixture.put([connector('tool', tool.url(), { secret: 'login' }), ...grant('builder', ['tool']), ...objects]);

  const cases: readonly [string, Readonly<Record<string, string>>, string, string][] = [
    [
      'connectors.cpaas.io/bearer-token',
      { token: `${credentialCanary}\n` },
      'authorization',
      `Bearer ${credentialCanary}`,
    ],
    ['connectors.cpaas.io/gitlab-pat-auth', { token: credentialCanary }, 'private-token', credentialCanary],
    ['kubernetes.io/basic-auth', { username: 'robot', password: credentialCanary }, 'authorization', robotBasic],
  ];
  for (const [type, data, header, value] of cases) {
    it(`of type ${type} is sent as ${header}, in place of what the client sends`, async () => {
      put(secret('login', type, data));
      const headers = { authorization: 'Bearer mine', 'private-token': 'mine' };
      assert.equal((await client.get(tool.url(), { headers })).status, 200);
      const sent = tool.seen[0]?.headers ?? {};
      assert.equal(sent[header], value);
      assert.ok(!Object.values(sent).some((each) => String(each).includes('mine')));
    });
  }

  it('of type kubernetes.io/dockerconfigjson is the entry for the host', async () => {
    const auth = Buffer.from(`robot:${credentialCanary}`).toString('base64');
    const config = JSON.stringify({ auths: { 'other.example': {}, [`tool.example:${tool.port}`]: { auth } } });
    put(secret('login', 'kubernetes.io/dockerconfigjson', { '.dockerconfigjson': config }));
    tool.answer = (_request, response, { headers }) => {
      if (headers.authorization === `Basic ${auth}`) response.end('in');
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    };
    assert.equal((await client.get(`${tool.url()}/v2/`)).body, 'in');
  });

  const refused: readonly [string, () => void, RegExp][] = [
    [
      'is missing',
      () => put(),
      /^Secret ci\/login does not exist \(connector ci\/tool\): create it, or change spec\.auth\.secretRef$/m,
    ],
    [
      'has an unknown type',
      () => put(secret('login', 'Opaque', { password: credentialCanary })),
      /type Opaque, which the proxy does not know/,
    ],
    ['has no password', () => put(secret('login', 'kubernetes.io/basic-auth', { username: 'x' })), /has no password/],
    [
      'has a token that would break the header',
      () => put(secret('login', 'connectors.cpaas.io/bearer-token', { token: 'a\r\nx: y' })),
      /cannot be sent in a header/,
    ],
  ];
  for (const [what, prepare, message] of refused) {
    it(`that ${what} is a 502 that says so, and nothing reaches the tool`, async () => {
      prepare();
      const answer = await client.get(tool.url());
      assert.equal(answer.status, 502);
      assert.match(answer.body, message);
      assert.deepEqual(tool.seen, []);
    });
  }

  for (const name of ['..', 'a/b', 'a?b', 'Upper', '-a', 'x'.repeat(254)]) {
    it(`whose Secret cannot be called ${name.slice(0, 9)} is a 502 that says so`, async () => {
      fixture.put([connector('tool', tool.url(), { secret: name }), ...grant('builder', ['tool'])]);
      const { status, body } = await client.get(tool.url());
      assert.equal(status, 502);
      assert.match(body, /^spec\.auth\.secretRef\.name ".{1,103}" must be .* \(connector ci\/tool\)$/m);
    });
  }

  it('that a class makes with rego goes by the type of its Secret; by another type it is a 502 that says so', async () => {
    const putWith = (type: string): void =>
      fixture.put([
        connector('tool', tool.url(), { secret: 'login', className: 'made', auth: 'oidc' }),
        connectorClass('made', { auth: { types: [{ name: 'oidc', generator: { rego: 'package x' } }] } }),
        secret('login', type, { username: 'robot', password: credentialCanary }),
        ...grant('builder', ['tool']),
      ]);
    putWith('kubernetes.io/basic-auth');
    assert.equal((await client.get(tool.url())).status, 200);
    assert.match(tool.seen[0]?.headers.authorization ?? '', /^Basic /);
    putWith('example.com/oidc');
    const answer = await client.get(tool.url());
    assert.equal(answer.status, 502);
    assert.match(
      answer.body,
      /^connectorclass made: generator\.rego of auth type "oidc" is not run: add generator\.cel with the same result \(docs\//m,
    );
    assert.equal(tool.seen.length, 1);
  });

  it('may be absent where the class says that it is optional, and not where it does not', async () => {
    const withClass = (optional: boolean): void =>
      fixture.put([
        connector('tool', tool.url(), { className: 'some', auth: 'basicAuth' }),
        connectorClass('some', { auth: { types: [{ name: 'basicAuth', optional }] } }),
        ...grant('builder', ['tool']),
      ]);
    withClass(true);
    assert.equal((await client.get(tool.url(), { headers: { authorization: 'Basic own' } })).status, 200);
    assert.equal(tool.seen[0]?.headers.authorization, 'Basic own');
    withClass(false);
    assert.match(
      (await client.get(tool.url())).body,
      /^spec\.auth\.secretRef is missing, which the class requires for basicAuth \(connector ci\/tool\)$/m,
    );
  });

  it('goes to the host, port and path of the Connector and nowhere else', async () => {
    fixture.put([
      connector('tool', `${tool.url()}/team-a`, { secret: 'login' }),
      robotLogin,
      ...grant('builder', ['tool']),
    ]);
    const raw = async (path: string): Promise<string> => {
      const lines = [
        `GET http://tool.example:${tool.port}${path} HTTP/1.1`,
        'Host: x',
        'Connection: close',
        `Proxy-Authorization: ${client.authorization}`,
      ];
      return client.exchange(`${lines.join('\r\n')}\r\n\r\n`);
    };
    const paths = ['/team-ab', '/', '/team-a/../team-b', '/team-a/%2e%2E/b', '/team-a/..%2fb', '/team-a/%252e%252e/b'];
    for (const path of paths) await raw(path);
    await raw('/team-a/x');
    await raw('/team-a');
    assert.deepEqual(
      tool.seen.filter(({ headers }) => headers.authorization !== undefined).map(({ url }) => url),
      ['/team-a/x', '/team-a'],
    );
    const other = started(await ToolServer.start('http'));
    await client.get(other.url());
    assert.equal(other.seen[0]?.headers.authorization, undefined);
  });

  it('begins no session that the client could take with it', async () => {
    put(robotLogin);
    tool.answer = (_request, response) =>
      response
        .writeHead(200, [
          ['Set-Cookie', 'session=1'],
          ['set-cookie', 'other=2'],
          ['X-Kept', 'yes'],
        ])
        .end();
    const { headers } = await client.get(tool.url());
    assert.deepEqual([headers['set-cookie'], headers['x-kept']], [undefined, 'yes']);
    // Without a credential it is the client's own affair.
    fixture.put([connector('tool', tool.url()), ...grant('builder', ['tool'])]);
    assert.deepEqual((await client.get(tool.url())).headers['set-cookie'], ['session=1', 'other=2']);
  });

  it('does not follow a redirect to another host', async () => {
    put(robotLogin);
    const other = started(await ToolServer.start('http'));
    tool.answer = (_request, response) =>
      response.writeHead(302, { location: `${other.url('other.example')}/x` }).end();
    const { headers } = await client.get(tool.url());
    await client.get(headers.location ?? '');
    assert.equal(other.seen.length, 1);
    assert.ok(!JSON.stringify(other.seen).includes('uthorization'));
  });

  it('is that of the connector with the longest path, of equals of the one named first', async () => {
    const login = (name: string): object =>
      secret(name, 'connectors.cpaas.io/bearer-token', { token: `${credentialCanary}-${name}` });
    fixture.put([
      connector('whole', tool.url(), { secret: 'whole' }),
      connector('part', `${tool.url()}/part`, { secret: 'part' }),
      connector('again', tool.url(), { secret: 'again' }),
      ...['whole', 'part', 'again'].map(login),
      ...grant('builder', ['whole', 'part', 'again']),
    ]);
    for (const names of ['ci/whole,ci/part,ci/again', 'ci/again,ci/part,ci/whole']) {
      const both = await fixture.client(names);
      await both.get(`${tool.url()}/part/x`);
      await both.get(`${tool.url()}/x`);
    }
    assert.deepEqual(
      tool.seen.map(({ headers }) => headers.authorization?.split('-').at(-1)),
      ['part', 'whole', 'part', 'again'],
    );
  });
});
