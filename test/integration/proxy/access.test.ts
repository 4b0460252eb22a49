import assert from 'node:assert/strict';
import { accessRequestFor } from '../../../src/shared/access/access-request.ts';
import { connector, connectorClass, flags, grant } from '../../support/proxy/manifests.ts';
import { eventually } from '../../support/poll.ts';
import { ProxyClient, sendOn } from '../../support/proxy/proxy-client.ts';
import { TokenKeys, uidOf } from '../../support/proxy/keys.ts';
import { ProxyFixture, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('who may use a connector', () => {
  let tool: ToolServer;
  let fixture: ProxyFixture;

  const objects = (...more: readonly object[]): object[] => [
    connector('tool', tool.url(), { secret: 'login' }),
    robotLogin,
    ...more,
  ];

  beforeEach(async () => {
    tool = started(await ToolServer.start('http'));
    fixture = started(await ProxyFixture.start(objects(...grant('builder', ['tool']))));
  });

  it('are those with a valid token for this proxy', async () => {
    const bad: readonly [string, RegExp, Promise<ProxyClient>][] = [
      ['an expired one', /^token expired: /, fixture.client('ci/tool', { expiresIn: -1 })],
      [
        'one with another audience',
        /^token not meant for this proxy: /,
        fixture.client('ci/tool', { audience: 'https://kubernetes.default.svc' }),
      ],
      [
        'one of other keys',
        /^token rejected: /,
        new TokenKeys().token().then((token) => new ProxyClient(fixture.port, 'ci/tool', token, '')),
      ],
      [
        'one without a signature',
        /^token rejected: /,
        Promise.resolve(new ProxyClient(fixture.port, 'ci/tool', unsigned(), '')),
      ],
    ];
    for (const [what, message, made] of bad) {
      const answer = await (await made).get(tool.url());
      assert.equal(answer.status, 407, what);
      assert.match(answer.body, message, what);
      assert.match(answer.body, /: read http_proxy and https_proxy from the volume again\n$/);
    }
    assert.deepEqual(tool.seen, []);
  });

  it('are those with the right, which others are told of', async () => {
    const client = await fixture.client('ci/tool', { account: 'stranger' });
    const answer = await client.get(tool.url());
    assert.equal(answer.status, 403);
    assert.equal(
      answer.body,
      'cannot use connector ci/tool: system:serviceaccount:ci:stranger cannot get connectors.connectors.alauda.io "tool" in namespace "ci"; check the name, or add this rule to a Role of "ci" that is bound to the service account: - {apiGroups: ["connectors.alauda.io"], resources: ["connectors"], resourceNames: ["tool"], verbs: ["get"]}\n',
    );
  });

  it('are told why not in the first 50 characters, and in the status line', async () => {
    const stranger = await fixture.client('ci/tool', { account: 'stranger' });
    const expired = await fixture.client('ci/tool', { expiresIn: -1 });
    const authority = `tool.example:${tool.port}`;
    const reverse = '/namespaces/ci/connectors/tool/';
    for (const [status, phrase, reason, client] of [
      [403, 'Forbidden', 'cannot use connector ci/tool', stranger],
      [407, 'Proxy Authentication Required', 'token expired', expired],
    ] as const) {
      const { status: found, body, headers } = await client.get(tool.url());
      assert.deepEqual([found, headers['server']], [status, 'connectors-proxy']);
      assert.ok(body.slice(0, 50).startsWith(`${reason}: `), body);
      const { head, socket } = await client.connect(authority);
      socket.destroy();
      assert.ok(head.startsWith(`HTTP/1.1 ${status} ${phrase}: ${reason}\r\nServer: connectors-proxy\r\n`), head);
      const { body: reversed } = await client.reverse(reverse);
      assert.ok(reversed.startsWith(`${reason}: `), reversed);
    }
    const { body } = await stranger.reverse(reverse, {}, null);
    assert.match(body, /^proxy credentials missing: /);
  });

  it('need the permission for the proxy too, where that is on; for their pod or for all', async () => {
    const on = flags({ 'enable-connector-proxy-permissions': 'true' });
    const client = await fixture.client();
    const proxyRule = (resource: string): readonly object[] =>
      grant('builder', ['tool'], { verbs: ['*'], resources: [resource], name: 'proxy' });
    const cases: readonly [readonly object[], number][] = [
      [[], 403],
      [proxyRule('connectors/proxy'), 200],
      [proxyRule('connectors/proxy/v1/pod/ci/build-1'), 200],
      [proxyRule('connectors/proxy/v1/pod/ci/build-2'), 403],
    ];
    for (const [rules, status] of cases) {
      fixture.put(objects(on, ...grant('builder', ['tool']), ...rules));
      const answer = await client.get(tool.url());
      assert.equal(answer.status, status, JSON.stringify(rules));
      if (status === 403)
        assert.match(answer.body, /cannot get connectors\.connectors\.alauda\.io\/proxy "tool".*verbs: \["get"\]/);
    }
    const podless = await fixture.client('ci/tool', { pod: undefined });
    assert.equal((await podless.get(tool.url())).status, 403);
  });

  it('need only the permission for the verb of their request', async () => {
    const on = flags({ 'enable-connector-proxy-permissions': 'true' });
    const client = await fixture.client();
    const verbs = (...names: readonly string[]): void =>
      fixture.put(
        objects(
          on,
          connectorClass('any', {}, { 'read-only-protocol': 'git' }),
          ...grant('builder', ['tool']),
          ...grant('builder', ['tool'], { verbs: [...names], resources: ['connectors/proxy'], name: 'proxy' }),
        ),
      );
    const statuses = async (...methods: readonly string[]): Promise<readonly number[]> => {
      const all: number[] = [];
      for (const method of methods) all.push((await client.get(`${tool.url()}/x`, { method })).status);
      return all;
    };
    const fetch = {
      method: 'POST',
      headers: { 'content-type': 'application/x-git-upload-pack-request' },
      body: 'x',
    };
    verbs('get');
    assert.deepEqual(await statuses('GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'), [
      ...[200, 200, 200],
      ...[403, 403, 403, 403],
    ]);
    assert.equal((await client.get(`${tool.url()}/a/git-upload-pack`, fetch)).status, 200);
    const batch = (operation: string): object => ({
      method: 'POST',
      headers: { 'content-type': 'application/vnd.git-lfs+json' },
      body: JSON.stringify({ operation }),
    });
    const lfs = `${tool.url()}/a.git/info/lfs/objects/batch`;
    assert.equal((await client.get(lfs, batch('download'))).status, 200);
    assert.equal((await client.get(lfs, batch('upload'))).status, 403);
    assert.equal((await client.get(`${tool.url()}/a/info/refs?service=git-receive-pack`)).status, 403);
    const denied = await client.reverse('/namespaces/ci/connectors/tool/x', { method: 'DELETE' });
    assert.equal(denied.status, 403);
    assert.match(
      denied.body,
      /cannot use the proxy of connector ci\/tool: .* cannot delete .*\/proxy "tool".*verbs: \["delete"\]/,
    );
    assert.equal((await client.reverse('/namespaces/ci/connectors/tool/x')).status, 200);
    verbs('create', 'update');
    assert.deepEqual(await statuses('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL'), [403, 200, 200, 403, 403, 200]);
    verbs('patch', 'delete');
    assert.deepEqual(await statuses('GET', 'POST', 'PUT', 'PATCH', 'DELETE'), [403, 403, 403, 200, 200]);
    verbs('*');
    assert.deepEqual(await statuses('GET', 'POST', 'PUT', 'PATCH', 'DELETE'), [200, 200, 200, 200, 200]);
    assert.equal(fixture.requests.at(-1)?.['verb'], 'delete');
  });

  it('keep their tunnel where they can only read, and lose it where they cannot', async () => {
    const on = flags({ 'enable-connector-proxy-permissions': 'true' });
    const proxyRule = grant('builder', ['tool', 'secure'], {
      verbs: ['get'],
      resources: ['connectors/proxy'],
      name: 'proxy',
    });
    const secure = started(await ToolServer.start('https'));
    const all = (...more: readonly object[]): readonly object[] => [
      connector('secure', secure.url(), { caSecret: 'tool-ca' }),
      on,
      ...grant('builder', ['tool', 'secure']),
      ...more,
    ];
    fixture.put(objects(...all(...proxyRule)));
    const client = await fixture.client('ci/secure');
    const socket = await client.tunnel(`tool.example:${secure.port}`);
    const headers = { host: `tool.example:${secure.port}` };
    assert.equal((await sendOn(socket, '/x', { method: 'PUT', headers })).status, 403);
    assert.equal((await sendOn(socket, '/x', { headers })).status, 200);
    fixture.put(objects(...all()));
    assert.equal((await sendOn(socket, '/x', { headers })).status, 403);
    await eventually('the tunnel is closed', () => socket.destroyed || socket.readableEnded);
    assert.match((await client.connect(`tool.example:${secure.port}`)).head, /^HTTP\/1\.1 403 /);
  });

  it('need a granted AccessRequest of their uid too for the permission of their pod, where approval is on', async () => {
    const on = flags({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' });
    const rule = grant('builder', ['tool'], {
      verbs: ['*'],
      resources: ['connectors/proxy/v1/pod/ci/build-1'],
      name: 'proxy',
    });
    const client = await fixture.client();
    const request = (uid: string): object => {
      const pod = { namespace: 'ci', name: 'build-1', uid, serviceAccountName: 'builder' };
      const made = accessRequestFor({ pod, connector: { namespace: 'ci', name: 'tool' } }, 'node-1');
      return { ...made, status: { conditions: [{ type: 'Ready', status: 'True', reason: 'Approved' }] } };
    };
    const toRead = grant('builder', ['tool'], { verbs: ['get'], resources: ['connectors/proxy'], name: 'read' });
    for (const [requests, status] of [
      [[], 403],
      [toRead, 403],
      [[request('another')], 403],
      [[request(uidOf('build-1'))], 200],
    ] as const) {
      fixture.put(objects(on, ...grant('builder', ['tool']), ...rule, ...requests));
      assert.equal((await client.get(tool.url())).status, status, JSON.stringify(requests));
    }
  });

  it('learn nothing about connectors that they may not read', async () => {
    const client = await fixture.client('ci/absent');
    const answer = await client.get(tool.url());
    assert.equal(answer.status, 403);
    assert.match(answer.body, /cannot get connectors\.connectors\.alauda\.io "absent"/);
  });

  it('are told when their connector does not exist', async () => {
    fixture.put(objects(...grant('builder', ['absent'])));
    const answer = await (await fixture.client('ci/absent')).get(tool.url());
    assert.equal(answer.status, 502);
    assert.match(answer.body, /connector ci\/absent does not exist/);
  });
});

function unsigned(): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    sub: 'system:serviceaccount:ci:builder',
    aud: 'connectors-proxy',
    exp: 4e9,
    'kubernetes.io': { namespace: 'ci', serviceaccount: { name: 'builder' } },
  };
  return `${encode({ alg: 'none' })}.${encode(claims)}.x`;
}
