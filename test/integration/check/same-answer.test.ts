import assert from 'node:assert/strict';
import { openManifests } from '../../../src/proxy/check/run-check.ts';
import { checkerOf } from '../../support/check/ask.ts';
import { connector, connectorClass, grant, secret } from '../../support/proxy/manifests.ts';
import { sendOn } from '../../support/proxy/proxy-client.ts';
import type { ClientAnswer, ClientRequest } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, credentialCanary, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const fetchOfGit = 'application/x-git-upload-pack-request';
const methods = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'TRACE'];
const paths = [
  '/',
  '/team/a',
  '/team/a/b?x=1',
  '/teams/a',
  '/api/v4/tokens',
  '/api/v4/%74okens',
  '/api/v4/tokens.json',
  '/api%2Fv4%2Ftokens',
  '/a.git/info/refs?service=git-receive-pack',
  '/a.git/git-upload-pack',
  '/x?_method=delete',
  '/team//a',
  '/api/v4/tokens%20',
  '/a/../b',
  '/a/%2e%2e/b',
  '/a/%252e%252e/b',
];
/** Named connectors, in several orders: some are broken, missing or forbidden. */
const named = [
  'ci/open',
  'ci/read-only',
  'ci/listed',
  'ci/audited',
  'ci/of-class',
  'ci/broken',
  'ci/team',
  'ci/team,ci/open',
  'ci/read-only,ci/team,ci/listed',
  'ci/without-secret',
  'ci/odd-secret',
  'ci/without-class',
  'ci/without-address',
  'ci/missing',
  'ci/hidden',
  'ci/hidden,ci/open',
  'ci/open,ci/hidden',
  'ci/elsewhere',
];

describe('check and the proxy', function () {
  this.timeout(120_000);
  let plain: ToolServer;
  let secure: ToolServer;
  let fixture: ProxyFixture;

  before(async () => {
    plain = await ToolServer.start('http');
    secure = await ToolServer.start('https');
  });
  after(async () => {
    await plain.stop();
    await secure.stop();
  });

  const objects = (url: string): readonly object[] => {
    const login = { secret: 'login', caSecret: 'tool-ca' };
    const rules = '- deny: {paths: [/api/v4/tokens/**]}\n- allow: {methods: [GET, POST]}';
    return [
      connector('open', url, login),
      connector('read-only', url, { ...login, className: 'git', rules: { access: 'read-only' } }),
      connector('listed', url, { ...login, rules: { rules } }),
      connector('audited', url, { ...login, rules: { rules, 'rules-mode': 'audit' } }),
      connector('of-class', url, { ...login, className: 'ruled', rules: { access: 'read-only' } }),
      connector('broken', url, { ...login, rules: { rules: '- deny: {path: [/x]}' } }),
      connector('team', `${url}/team`, { ...login, rules: { access: 'read-only' } }),
      connector('without-secret', url, { secret: 'none', caSecret: 'tool-ca' }),
      connector('odd-secret', url, { secret: 'odd', caSecret: 'tool-ca' }),
      connector('without-class', url, { ...login, className: 'none' }),
      connector('without-address', 'tool', login),
      connector('hidden', url, login),
      connector('elsewhere', 'https://elsewhere.invalid', login),
      connectorClass('git', {}, { 'read-only-protocol': 'git' }),
      connectorClass('ruled', {}, { rules: '- deny: {paths: [/team/**]}' }),
      robotLogin,
      secret('odd', 'example.com/odd', { password: credentialCanary }),
      ...grant(
        'builder',
        named.flatMap((names) => names.split(',').map((name) => name.replace('ci/', ''))).filter((n) => n !== 'hidden'),
      ),
    ];
  };

  /** Sends the request and checks it. The first part of the log line and of the answer must agree. */
  const compare = async (
    connectors: string,
    method: string,
    url: string,
    headers: Readonly<Record<string, string>>,
    check: ReturnType<typeof checkerOf>,
  ): Promise<boolean> => {
    const client = await fixture.client(connectors);
    const request: ClientRequest = { method, headers };
    const send = async (): Promise<ClientAnswer> => {
      if (!url.startsWith('https:')) return client.get(url, request);
      // As it is written: a URL would resolve its dots.
      const [, authority = '', path = ''] = /^https:\/\/([^/]+)(.*)$/.exec(url) ?? [];
      const tunnel = await client.tunnel(authority);
      return sendOn(tunnel, path, { method, headers: { host: authority, ...headers } }).finally(() => tunnel.destroy());
    };
    const before = fixture.requests.length;
    const sent = await send().catch((error: unknown) => ({ status: 0, body: String(error) }));
    const written = Object.entries(headers).map(([name, value]) => ` ${name}:${value}`);
    const answer = await check(connectors, `${method} ${url}${written.join('')}`);
    const about = `${connectors} ${method} ${url}: ${sent.status} ${sent.body}`;
    // In a passthrough tunnel the client sees the tool's own certificate, which it does not trust here.
    if (answer.destination?.path === null) {
      assert.match(sent.body, /unable to verify the first certificate/, about);
      return true;
    }
    // A failed CONNECT has its text after the headers of the response.
    if (answer.response === null) assert.equal(sent.status, 200, `${about} ${JSON.stringify(answer)}`);
    else if (sent.status === 0) assert.ok(sent.body.includes(` ${answer.response.status} `), about);
    else {
      assert.equal(sent.status, answer.response.status, about);
      if (method !== 'HEAD') assert.equal(sent.body, `${answer.response.message}\n`);
    }
    // Of a flood of failed requests only some are logged.
    const line = fixture.requests.slice(before).find(({ mode, outcome }) => mode !== 'tunnel' || outcome !== 'ok');
    if (line === undefined) return answer.passes;
    assert.equal(line['outcome'], answer.response?.reason ?? 'ok', about);
    if (answer.response === null || answer.response.reason === 'denied_by_rule') {
      assert.equal(line['rule'], answer.rule ?? undefined, about);
      assert.equal(line['decision'], answer.decision ?? undefined, about);
      assert.equal(line['verb'], answer.verb ?? undefined, about);
      assert.equal(line['connector'] ?? null, answer.connector, about);
    }
    return answer.passes;
  };

  for (const scheme of ['http', 'https'] as const) {
    for (const others of ['tunnel', 'deny'] as const) {
      it(`agree about requests to ${scheme} tools, with other hosts: ${others}`, async () => {
        const { port } = scheme === 'http' ? plain : secure;
        const url = `${scheme}://tool.example:${port}`;
        const flags = ['--unmatched-hosts', others];
        fixture = started(await ProxyFixture.start(objects(url), { flags }));
        const { sources } = openManifests(fixture.directory, 'connectors-system');
        const check = checkerOf(sources, flags);
        const passed = { true: 0, false: 0 };
        const tryOut = async (names: string, method: string, path: string, headers = {}): Promise<void> => {
          passed[`${await compare(names, method, `${url}${path}`, headers, check)}`] += 1;
        };
        for (const [at, names] of named.entries()) {
          for (const [index, path] of paths.entries()) {
            // Each path with each connector, and by turns with each method.
            await tryOut(names, methods[(at + index) % methods.length]!, path);
            if ((at + index) % 2 === 0) await tryOut(names, 'GET', path);
          }
          await tryOut(names, 'POST', '/a.git/git-upload-pack', { 'content-type': fetchOfGit });
          await tryOut(names, 'GET', '/x', { 'x-http-method-override': 'DELETE' });
        }
        assert.ok(passed.true > 50 && passed.false > 100, JSON.stringify(passed));
      });
    }
  }

  it('agree about requests in reverse mode', async () => {
    fixture = started(await ProxyFixture.start(objects(plain.url())));
    const check = checkerOf(openManifests(fixture.directory, 'connectors-system').sources, []);
    const own = 'http://connectors-proxy-service.connectors-system.svc.cluster.local';
    const passed = { true: 0, false: 0 };
    for (const name of named.filter((each) => !each.includes(','))) {
      const client = await fixture.client(name);
      for (const [index, where] of paths.entries()) {
        const path = `/namespaces/ci/connectors/${name.replace('ci/', '')}${where}`;
        for (const method of ['GET', methods[index % methods.length]!]) {
          // No name in the host of a test resolves, so nothing is sent.
          if (name === 'ci/elsewhere') continue;
          const { status, body } = await client.reverse(path, { method });
          const { response, passes } = await check('ci/open', `${method} ${own}${path}`);
          assert.equal(status, response?.status ?? 200, `${method} ${path}: ${body}`);
          if (response !== null && method !== 'HEAD') assert.equal(body, `${response.message}\n`);
          passed[`${passes}`] += 1;
        }
      }
    }
    assert.ok(passed.true > 50 && passed.false > 100, JSON.stringify(passed));
  });
});
