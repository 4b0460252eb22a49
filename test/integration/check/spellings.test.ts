import assert from 'node:assert/strict';
import { openManifests } from '../../../src/proxy/check/run-check.ts';
import { checkerOf } from '../../support/check/ask.ts';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { sendOn } from '../../support/proxy/proxy-client.ts';
import type { ClientAnswer, ClientRequest } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { spelledRules, spellings } from '../../support/rules/spellings.ts';
import type { Decided } from '../../support/rules/spellings.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';

const statuses: Readonly<Record<Decided, number>> = { allowed: 200, denied: 403, ambiguous: 400 };

describe('the spellings of a request', function () {
  this.timeout(120_000);
  let plain: ToolServer;
  let secure: ToolServer;
  let fixture: ProxyFixture;

  before(async () => {
    plain = await ToolServer.start('http');
    secure = await ToolServer.start('https');
    const login = { secret: 'login', caSecret: 'tool-ca', rules: { rules: spelledRules } };
    fixture = await ProxyFixture.start([
      connector('tool', plain.url(), login),
      connector('secure', secure.url(), login),
      connector('audited', plain.url(), { ...login, rules: { rules: spelledRules, 'rules-mode': 'audit' } }),
      robotLogin,
      ...grant('builder', ['tool', 'secure', 'audited']),
    ]);
  });
  after(async () => {
    await fixture.stop();
    await plain.stop();
    await secure.stop();
  });

  it('are at least 120', () => assert.ok(new Set(spellings.map(({ request }) => request)).size >= 120));

  type Send = (path: string, request: ClientRequest) => Promise<ClientAnswer>;
  /** One of each kind: the modes differ in how they read a target, and decide it alike. */
  const some = spellings.filter((_spelling, at) => at % 8 === 0);
  const modes: Readonly<
    Record<string, { readonly of: typeof spellings; readonly tool: () => ToolServer; readonly send: Send }>
  > = {
    'in forward mode': {
      of: spellings,
      tool: () => plain,
      send: async (path, request) => (await fixture.client()).get(`${plain.url()}${path}`, request),
    },
    'in an intercepted tunnel': {
      of: some,
      tool: () => secure,
      send: async (path, { headers, ...request }) => {
        const authority = `tool.example:${secure.port}`;
        const tunnel = await (await fixture.client('ci/secure')).tunnel(authority);
        const sent = sendOn(tunnel, path, { ...request, headers: { host: authority, ...headers } });
        return sent.finally(() => tunnel.destroy());
      },
    },
    'in reverse mode': {
      of: some,
      tool: () => plain,
      send: async (path, request) => (await fixture.client()).reverse(`/namespaces/ci/connectors/tool${path}`, request),
    },
  };

  for (const [mode, { of, tool, send }] of Object.entries(modes)) {
    it(`are decided alike by the proxy and by check, ${mode}`, async () => {
      const check = checkerOf(openManifests(fixture.directory, 'connectors-system').sources, []);
      for (const { request, decided, headers = {} } of of) {
        const [path = '', method = 'GET'] = request.split(' ').reverse();
        const about = `${method} ${path.slice(0, 100)} ${JSON.stringify(headers)}`;
        tool().seen.length = 0;
        const { status, body } = await send(path, { method, headers });
        assert.equal(status, statuses[decided], `${about}: ${body}`);
        assert.deepEqual(
          tool().seen.map(({ url }) => url),
          decided === 'allowed' ? [path] : [],
          about,
        );
        const written = Object.entries(headers).map(([name, value]) => ` ${name}:${value}`);
        const answer = await check('ci/tool', `${method} ${path}${written.join('')}`);
        assert.equal(answer.response?.status ?? 200, status, about);
        assert.equal(answer.decision, decided === 'allowed' ? 'allowed' : 'denied', about);
        if (answer.response !== null && method !== 'HEAD') {
          const text = Buffer.from(body, 'latin1').toString();
          assert.equal(text.replaceAll('ci/secure', 'ci/tool'), `${answer.response.message}\n`, about);
        }
      }
    });
  }

  it('are only audited where rules only audit', async () => {
    const client = await fixture.client('ci/audited');
    for (const { request, decided, headers = {} } of some) {
      const [path = '', method = 'GET'] = request.split(' ').reverse();
      const { status } = await client.get(`${plain.url()}${path}`, { method, headers });
      assert.equal(status, 200, request.slice(0, 100));
      const { decision } = fixture.requests.at(-1) ?? {};
      assert.equal(decision, decided === 'allowed' ? 'allowed' : 'audit', request.slice(0, 100));
    }
  });
});
