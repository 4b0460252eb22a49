import assert from 'node:assert/strict';
import http from 'node:http';
import type { Socket } from 'node:net';
import { eventually } from '../../support/poll.ts';
import { connector, connectorClass, grant, secret } from '../../support/proxy/manifests.ts';
import { headOf, sendOn } from '../../support/proxy/proxy-client.ts';
import type { ClientAnswer, ClientRequest, ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { TokenRegistry } from '../../support/proxy/registry.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

type Send = (client: ProxyClient, path: string, request?: ClientRequest) => Promise<ClientAnswer>;

const login = { secret: 'login', caSecret: 'tool-ca' };
const gitRules = `
- deny: { paths: ["/api/v4/personal_access_tokens", "/api/v4/personal_access_tokens/**"] }
- allow: { methods: [GET, HEAD] }
- allow: { methods: [POST], paths: ["/**/git-upload-pack"] }`;

describe('rules of a Connector', () => {
  let plain: ToolServer;
  let secure: ToolServer;
  let fixture: ProxyFixture;
  let client: ProxyClient;

  /** The objects of all tests, with these rules for both Connectors. */
  const objects = (rules: Record<string, string>, ofClass: Record<string, string> = {}): readonly object[] => [
    connector('tool', plain.url(), { ...login, rules, className: 'git' }),
    connector('secure', secure.url(), { ...login, rules, className: 'git' }),
    connectorClass('git', {}, { 'read-only-protocol': 'git', ...ofClass }),
    robotLogin,
    ...grant('builder', ['tool', 'secure']),
  ];

  beforeEach(async () => {
    plain = started(await ToolServer.start('http'));
    secure = started(await ToolServer.start('https'));
    fixture = started(await ProxyFixture.start(objects({ rules: gitRules })));
    client = await fixture.client('ci/tool,ci/secure');
  });

  it('can limit the requests of each pod, which get a 429 beyond the limit', async () => {
    fixture.put(objects({ 'requests-per-second': '0.01' }));
    assert.equal((await client.get(`${plain.url()}/a`)).status, 200);
    const { status, headers, body } = await client.get(`${plain.url()}/a`);
    assert.deepEqual([status, headers['retry-after']], [429, '100']);
    assert.match(body, /^connector ci\/tool permits 0\.01 requests of a pod per second/);
    assert.equal((await client.getSecurely(`${secure.url()}/a`)).status, 200);
    assert.equal(plain.seen.length, 1);

    fixture.put(objects({ 'concurrent-requests': '1' }));
    let finish: (() => void) | undefined;
    plain.answer = (_request, response) => void (finish = () => response.end());
    const first = client.get(`${plain.url()}/long`);
    await eventually('the tool has the first', () => finish !== undefined);
    assert.equal((await client.get(`${plain.url()}/second`)).status, 429);
    finish?.();
    await first;
    plain.answer = (_request, response) => void response.end('free');
    await eventually('the first has ended', async () => (await client.get(`${plain.url()}/third`)).body === 'free');
  });

  const send: Send = (by, path, request) => by.get(`${plain.url()}${path}`, request);

  it('decide in an intercepted tunnel and in reverse mode too', async () => {
    const ways: readonly (readonly [ToolServer, Send])[] = [
      [secure, (by, path, request) => by.getSecurely(`${secure.url()}${path}`, request)],
      [plain, (by, path, request) => by.reverse(`/namespaces/ci/connectors/tool${path}`, request)],
    ];
    for (const [tool, sendSo] of ways) {
      tool.seen.length = 0;
      fixture.put(objects({ rules: gitRules }));
      assert.equal((await sendSo(client, '/api/v4/projects')).status, 200);
      assert.equal((await sendSo(client, '/api/v4/projects', { method: 'POST' })).status, 403);
      assert.equal((await sendSo(client, '/a%5Cb')).status, 400);
      fixture.put(objects({ access: 'read-only' }));
      assert.equal((await sendSo(client, '/a/info/refs?service=git-receive-pack')).status, 403);
      const batch = (operation: string): ClientRequest => ({
        method: 'POST',
        headers: { 'content-type': 'application/vnd.git-lfs+json' },
        body: JSON.stringify({ operation }),
      });
      assert.equal((await sendSo(client, '/a.git/info/lfs/objects/batch', batch('download'))).status, 200);
      assert.equal((await sendSo(client, '/a.git/info/lfs/objects/batch', batch('upload'))).status, 403);
      assert.equal(tool.seen.length, 2);
    }
  });

  it('decide by method and path', async () => {
    assert.equal((await send(client, '/api/v4/projects')).status, 200);
    assert.equal((await send(client, '/a/git-upload-pack', { method: 'POST', body: 'x' })).status, 200);
    assert.equal(plain.seen.length, 2);
    for (const { headers } of plain.seen) assert.match(headers.authorization ?? '', /^Basic /);
    for (const [path, method] of [
      ['/api/v4/personal_access_tokens', 'POST'],
      ['/api/v4/personal_access_tokens', 'GET'],
      ['/api/v4/%70ersonal_access_tokens/1', 'GET'],
      ['/api/v4/personal_access_tokens.json', 'GET'],
      ['/api/v4%2fPersonal_access_tokens', 'GET'],
      ['/api/v4/personal_access_tokens;x', 'GET'],
      ['/api/v4/projects', 'POST'],
      ['/a/git-receive-pack', 'POST'],
      ['/a%2Fgit-upload-pack', 'POST'],
    ] as const) {
      const { status, body } = await send(client, path, { method });
      assert.equal(status, 403, path);
      assert.match(body, new RegExp(`^(?:a|no) rule of connector ci/tool `), path);
      assert.match(body, /annotation connectors\.alauda\.io\/rules; the owner of connector ci\/\w+ can change it\n$/);
    }
    for (const path of ['/api/v4//projects', '/api/v4/personal_access_tokens%20', '/a%5Cb', `/a?${'&'.repeat(256)}`]) {
      const { status, body } = await send(client, path);
      assert.equal(status, 400, path);
      assert.match(body, new RegExp(`^rules of connector ci/tool need .+: (?:send|remove) .+\n$`), path);
    }
    assert.equal(plain.seen.length, 2);
    fixture.put(objects({}));
    assert.equal((await send(client, `/a%5Cb//x?${'&'.repeat(256)}`)).status, 200);
  });

  it('know reads of protocols', async () => {
    fixture.put(objects({ access: 'read-only' }));
    const headers = { 'content-type': 'application/x-git-upload-pack-request' };
    assert.equal((await send(client, '/a/info/refs?service=git-upload-pack')).status, 200);
    assert.equal((await send(client, '/a/git-upload-pack', { method: 'POST', headers, body: 'x' })).status, 200);
    const push = await send(client, '/a/info/refs?service=git-receive-pack');
    assert.equal(push.status, 403);
    assert.equal(
      push.body,
      `connector ci/tool is read-only: git push can write here (annotation connectors.alauda.io/access); the owner of connector ci/tool can change it\n`,
    );
    for (const request of [{ method: 'PUT' }, { headers: { 'X-HTTP-Method-Override': 'DELETE' } }])
      assert.equal((await send(client, '/x', request)).status, 403);
    assert.equal(plain.seen.length, 2);
    fixture.put(objects({ access: 'read-only' }, { 'read-only-protocol': '' }));
    for (const [path, type] of [
      ['/a/git-upload-pack', 'application/x-git-upload-pack-request'],
      ['/a/info/lfs/objects/batch', 'application/vnd.git-lfs+json'],
    ] as const) {
      const request = { method: 'POST', headers: { 'content-type': type }, body: '{"operation":"download"}' };
      assert.equal((await send(client, path, request)).status, 403);
    }
    assert.equal(plain.seen.length, 2);
  });

  it('are read again when they change, and broken ones deny everything', async () => {
    fixture.put(objects({}));
    assert.equal((await send(client, '/x', { method: 'DELETE' })).status, 200);
    for (const mode of ['enforce', 'audit']) {
      fixture.put(objects({ rules: '- deny: {path: [/x]}', 'rules-mode': mode }));
      const { status, body } = await send(client, '/');
      assert.equal(status, 403);
      assert.match(
        body,
        /^rules of connector ci\/\w+ are broken: annotation connectors\.alauda\.io\/rules, line 1, column 10: unknown key "path": write methods or paths; the owner/,
      );
    }
    fixture.put(objects({ access: 'full' }, { rules: '- deny: {paths: [/x]}' }));
    assert.equal((await send(client, '/x')).status, 200);
    fixture.put(objects({}, { rules: '- deny: {paths: [/x]}' }));
    const { status, body } = await send(client, '/x');
    assert.equal(status, 403);
    assert.match(
      body,
      /^a rule of connectorclass git denies this request: line 1 of .*; the owner of connector ci\/\w+ can override it by annotation connectors\.alauda\.io\/access: full$/m,
    );
  });

  it('with read-only let downloads of Git LFS pass, and nothing that a tool could take for an upload', async () => {
    fixture.put(objects({ access: 'read-only' }));
    const batch = (body: string, headers: Record<string, string> = {}, path = '/a.git/info/lfs/objects/batch') =>
      send(client, path, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.git-lfs+json', ...headers },
        body,
      });
    const download = '{"operation":"download", "transfers":["basic"],"objects":[{"oid":"é","size":1}]}';
    assert.equal((await batch(download)).status, 200);
    assert.equal(
      (await batch(download, { 'content-type': 'application/vnd.git-lfs+json; charset=utf-8' })).status,
      200,
    );
    assert.equal((await batch('{"operation":"upload","operation":"download"}')).status, 200);
    const expected = JSON.stringify(JSON.parse(download));
    assert.deepEqual(
      plain.seen.map(({ body }) => Buffer.from(body, 'latin1').toString()),
      [expected, expected, '{"operation":"download"}'],
    );
    assert.equal(plain.seen[0]?.headers['content-length'], String(Buffer.byteLength(expected)));
    for (const body of [
      '{"operation":"upload"}',
      '{"operation":"download","operation":"upload"}',
      '{"operation":"download","Operation":"upload"}',
      '{"operation":["download"]}',
      '{}',
      '["download"]',
      'operation=download',
      '',
      `{"operation":"download","x":"${'x'.repeat(70_000)}"}`,
    ])
      assert.equal((await batch(body)).status, 403, body.slice(0, 60));
    for (const headers of [
      { 'content-type': 'application/json' },
      { 'content-encoding': 'gzip' },
      { 'transfer-encoding': 'chunked' },
    ])
      assert.equal((await batch(download, headers)).status, 403, JSON.stringify(headers));
    for (const path of ['/api/v1/repos/a/b/contents/info/lfs/objects/batch', '/a.git/info/lfs/objects/batch?x=y'])
      assert.equal((await batch(download, {}, path)).status, 403, path);
    assert.equal(plain.seen.length, 3);
    // Some versions of Node can write it, and others cannot.
    const nested = `{"operation":"download","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    const { status } = await batch(nested);
    assert.deepEqual([status, plain.seen[3]?.body], status === 200 ? [200, nested] : [403, undefined]);
    assert.equal((await batch(download)).status, 200);
  });

  it('decide about a change of the protocol', async () => {
    const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
    plain.server.on('upgrade', (_request: http.IncomingMessage, socket: Socket) => void socket.end(switching));
    const upgrade = async (): Promise<string> => {
      const socket = await client.raw();
      socket.write(
        [
          `GET ${plain.url()}/exec HTTP/1.1`,
          `Host: tool.example:${plain.port}`,
          `Proxy-Authorization: ${client.authorization}`,
          'Connection: Upgrade',
          'Upgrade: websocket\r\n\r\n',
        ].join('\r\n'),
      );
      const head = await headOf(socket);
      socket.destroy();
      return head;
    };
    assert.match(await upgrade(), /^HTTP\/1\.1 101 /);
    fixture.put(objects({ access: 'read-only' }));
    assert.match(await upgrade(), /^HTTP\/1\.1 403 Forbidden: connector ci\/tool is read-only\r\n/);
    fixture.put(objects({ rules: '- deny: {paths: [/exec]}' }));
    assert.match(await upgrade(), /^HTTP\/1\.1 403 Forbidden: a rule of connector ci\/tool denies this request\r\n/);
  });

  it('do not end a tunnel, as a missing permission does', async () => {
    const socket = await client.tunnel(`tool.example:${secure.port}`);
    const headers = { host: `tool.example:${secure.port}` };
    assert.equal((await sendOn(socket, '/x', { method: 'PUT', headers })).status, 403);
    assert.equal((await sendOn(socket, '/x', { headers })).status, 200);
    socket.destroy();
  });

  it('leave the connection of a request with an ambiguous path usable', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    try {
      const rejected = await client.get(`${plain.url()}/a//b`, {}, agent);
      assert.equal(rejected.status, 400);
      assert.notEqual(rejected.headers.connection, 'close');
      assert.equal((await client.get(`${plain.url()}/a/b`, {}, agent)).status, 200);
    } finally {
      agent.destroy();
    }
  });

  it('are not shown to an account that may not use the Connector', async () => {
    const other = await fixture.client('ci/tool', { account: 'other' });
    const { status, body } = await other.get(`${plain.url()}/x`, { method: 'PUT' });
    assert.equal(status, 403);
    assert.doesNotMatch(body, /rule of|annotation/);
  });

  it('are not reached by an account that may not use the Connector: nothing of its request is read', async () => {
    fixture.put(objects({ access: 'read-only' }));
    const other = await fixture.client('ci/tool,ci/secure', { account: 'other' });
    const batch = (first: string, credentials: string): string =>
      [
        `POST ${first} HTTP/1.1`,
        `Host: tool.example:${plain.port}`,
        credentials,
        'Content-Type: application/vnd.git-lfs+json',
        'Content-Length: 20000\r\n\r\n',
      ].join('\r\n');
    for (const text of [
      batch(`${plain.url()}/a.git/info/lfs/objects/batch`, `Proxy-Authorization: ${other.authorization}`),
      batch('/namespaces/ci/connectors/tool/a.git/info/lfs/objects/batch', `Authorization: Bearer ${other.token}`),
    ]) {
      const socket = await other.raw();
      socket.write(text);
      // The body never arrives.
      assert.match(await headOf(socket), /^HTTP\/1\.1 403 /);
      socket.destroy();
      const { outcome, verb, decision } = fixture.requests.at(-1) ?? {};
      assert.deepEqual([outcome, verb, decision], ['denied', undefined, 'denied']);
    }
    const socket = await other.connect(`tool.example:${secure.port}`);
    assert.match(socket.head, /^HTTP\/1\.1 403 /);
  });

  it('deny before the credential is read', async () => {
    fixture.put(
      objects({ access: 'read-only' }).filter(
        (object) => !('type' in object && object.type === 'kubernetes.io/basic-auth'),
      ),
    );
    assert.equal((await client.get(`${plain.url()}/x`)).status, 502);
    const { status, body } = await client.get(`${plain.url()}/x`, { method: 'PUT' });
    assert.equal(status, 403);
    assert.match(body, /is read-only/);
  });

  it('concern no request without a credential', async () => {
    fixture.put([
      connector('tool', `${plain.url()}/team-a`, { ...login, rules: { access: 'read-only' } }),
      ...objects({}).slice(2),
    ]);
    assert.equal((await client.get(`${plain.url()}/team-a/x`, { method: 'PUT' })).status, 403);
    assert.equal((await client.get(`${plain.url()}/team-b/x`, { method: 'PUT' })).status, 200);
    assert.equal(plain.seen[0]?.headers.authorization, undefined);
  });

  it('are seen in the log and in metrics', async () => {
    fixture.put(objects({ rules: gitRules, 'rules-mode': 'audit' }, { rules: '- deny: {paths: [/keys]}' }));
    await client.get(`${plain.url()}/x`);
    await client.get(`${plain.url()}/x`, { method: 'DELETE' });
    await client.get(`${plain.url()}/api/v4/personal_access_tokens`, { method: 'POST' });
    await client.get(`${plain.url()}/keys`, { method: 'PATCH' });
    const logged = fixture.requests.map(({ outcome, decision, rule, verb, connector: named }) => ({
      ...{ outcome, decision, rule, verb, named },
    }));
    const named = 'ci/tool';
    assert.deepEqual(logged, [
      { outcome: 'ok', decision: 'allowed', rule: 'ci/tool:3', verb: 'get', named },
      { outcome: 'ok', decision: 'audit', rule: 'ci/tool', verb: 'delete', named },
      { outcome: 'ok', decision: 'audit', rule: 'ci/tool:2', verb: 'create', named },
      { outcome: 'denied_by_rule', decision: 'denied', rule: 'class git:1', verb: 'patch', named },
    ]);
    const metrics = await fixture.metrics();
    for (const [decision, count] of [
      ['allowed', 1],
      ['audit', 2],
      ['denied', 1],
    ] as const)
      assert.ok(metrics.includes(`connectors_proxy_rule_decisions_total{decision="${decision}"} ${count}`), metrics);
    fixture.put(objects({}));
    await client.get(`${plain.url()}/x`);
    const { decision, rule } = fixture.requests.at(-1) ?? {};
    assert.deepEqual([decision, rule], ['allowed', undefined]);
    await (await fixture.client('ci/tool', { account: 'other' })).get(`${plain.url()}/x`);
    assert.equal(fixture.requests.at(-1)?.['decision'], 'denied');
  });
});

describe('a read-only Connector of a registry', () => {
  it('pulls, and gets no token to push', async () => {
    const registry = started(await TokenRegistry.start(`robot:${credentialCanary}`));
    const fixture = started(
      await ProxyFixture.start([
        connector('tool', registry.url, { ...login, rules: { access: 'read-only' } }),
        secret('login', 'cpaas.io/distribution-registry-token', { username: 'robot', password: credentialCanary }),
        ...grant('builder', ['tool']),
      ]),
    );
    const client = await fixture.client();
    assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).body, 'layer');
    const { status, body } = await client.getSecurely(`${registry.url}/v2/app/blobs/uploads/`, { method: 'POST' });
    assert.equal(status, 403);
    assert.match(body, /^connector ci\/tool is read-only: POST can write here/);
    assert.deepEqual(registry.asked, [['repository:app:pull']]);
    assert.ok(registry.requests.every(({ method }) => method !== 'POST'));
    const token = `${registry.tokenUrl}?service=registry&scope=repository:app:pull,push`;
    assert.equal((await client.getSecurely(token)).status, 403);
  });
});
