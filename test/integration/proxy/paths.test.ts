import assert from 'node:assert/strict';
import { connector, grant } from '../../support/proxy/manifests.ts';
import { parentSpellings, usualPaths } from '../../support/proxy/path-spellings.ts';
import { sendOn } from '../../support/proxy/proxy-client.ts';
import type { ClientAnswer, ProxyClient } from '../../support/proxy/proxy-client.ts';
import { ProxyFixture, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

type Send = (client: ProxyClient, path: string) => Promise<ClientAnswer>;

describe('paths of requests to a Connector', () => {
  let plain: ToolServer;
  let secure: ToolServer;
  let fixture: ProxyFixture;

  before(async () => {
    plain = await ToolServer.start('http');
    secure = await ToolServer.start('https');
    const login = { secret: 'login', caSecret: 'tool-ca' };
    fixture = await ProxyFixture.start([
      connector('tool', `${plain.url()}/team-a`, login),
      connector('secure', `${secure.url()}/team-a`, login),
      connector('whole', plain.url('whole.example'), login),
      robotLogin,
      ...grant('builder', ['tool', 'secure', 'whole']),
    ]);
  });
  after(async () => {
    await fixture.stop();
    await plain.stop();
    await secure.stop();
  });
  beforeEach(() => {
    plain.seen.length = 0;
    secure.seen.length = 0;
  });

  const ways: Readonly<
    Record<string, { readonly tool: () => ToolServer; readonly send: Send; readonly base: string }>
  > = {
    'in absolute form': {
      tool: () => plain,
      base: '/team-a',
      send: (client, path) => client.get(`${plain.url()}/team-a${path}`),
    },
    'in absolute form to a Connector of a whole host': {
      tool: () => plain,
      base: '',
      send: (client, path) => client.get(`${plain.url('whole.example')}${path === '' ? '/' : path}`),
    },
    'in a tunnel': {
      tool: () => secure,
      base: '/team-a',
      send: async (client, path) => {
        const socket = await client.tunnel(`tool.example:${secure.port}`);
        const answer = await sendOn(socket, `/team-a${path}`, { headers: { host: `tool.example:${secure.port}` } });
        socket.destroy();
        return answer;
      },
    },
    'to the proxy itself': {
      tool: () => plain,
      base: '/team-a',
      send: (client, path) => client.reverse(`/namespaces/ci/connectors/tool${path}`),
    },
  };

  for (const [way, { tool, base, send }] of Object.entries(ways)) {
    it(`are refused where some server takes them for a parent path, ${way}`, async () => {
      const client = await fixture.client('ci/tool,ci/secure,ci/whole');
      for (const spelling of parentSpellings) {
        const answer = await send(client, `/${spelling}`);
        assert.equal(answer.status, 400, spelling);
        assert.match(answer.body, /the path may lead out of the connector, since .+: \w+ .+/, spelling);
      }
      assert.deepEqual(tool().seen, []);
    });

    it(`reach the tool as they are, with the credential, ${way}`, async () => {
      const client = await fixture.client('ci/tool,ci/secure,ci/whole');
      for (const path of usualPaths) assert.equal((await send(client, path)).status, 200, path);
      const slash = way.startsWith('in') && base !== '' ? '' : '/';
      assert.deepEqual(
        tool().seen.map(({ url }) => url),
        usualPaths.map((path) => `${base}${path === '' ? slash : path}`),
      );
      for (const { url, headers } of tool().seen) assert.match(headers.authorization ?? '', /^Basic /, url);
    });
  }

  it('are not said to be wrong to an account that may not use the Connector', async () => {
    const client = await fixture.client('ci/tool', { account: 'other' });
    assert.equal((await client.get(`${plain.url()}/team-a/../x`)).status, 403);
  });

  it('are no affair of the proxy at a host of no Connector', async () => {
    const client = await fixture.client('ci/tool');
    assert.equal((await client.get(`${plain.url('other.example')}/..%2fx`)).status, 200);
    assert.equal(plain.seen[0]?.headers.authorization, undefined);
  });
});

describe('a Connector of too many addresses', () => {
  it('is refused in every way in, and keeps none from those that are named beside it', async () => {
    const tool = started(await ToolServer.start('http'));
    const extensions = Array.from({ length: 64 }, (_, at) => tool.url(`host-${at}.example`));
    const fixture = started(
      await ProxyFixture.start([
        connector('many', tool.url('many.example'), { extensions }),
        connector('tool', tool.url(), { extensions: extensions.slice(0, 63) }),
        ...grant('builder', ['many', 'tool']),
      ]),
    );
    const client = await fixture.client('ci/many,ci/tool');
    const refusal = /are 65 addresses, and at most 64 are allowed: leave some out.* \(connector ci\/many\)$/m;
    for (const answer of [
      await client.get(tool.url('many.example')),
      await client.reverse('/namespaces/ci/connectors/many/'),
    ]) {
      assert.equal(answer.status, 502);
      assert.match(answer.body, refusal);
    }
    assert.match((await client.connect(`many.example:${tool.port}`)).head, /^HTTP\/1\.1 502 /);
    assert.equal((await client.get(tool.url())).status, 200);
    assert.equal((await client.get(tool.url('host-62.example'))).status, 200);
    assert.equal(tool.seen.length, 2);
  });
});
