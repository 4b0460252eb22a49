import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, grant, secret } from '../../support/proxy/manifests.ts';
import { ProxyFixture } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const serviceName = 'connectors-proxy-service';
const service = `${serviceName}.connectors-system.svc.cluster.local`;
const itself = /is this proxy itself: set the address of the Connector to that of the tool/;

describe('a request that would lead back to the proxy', () => {
  let tool: ToolServer;
  let secure: ToolServer;
  let fixture: ProxyFixture;

  beforeEach(async () => {
    tool = started(await ToolServer.start('http'));
    secure = started(await ToolServer.start('https'));
    fixture = started(await ProxyFixture.start([]));
    const own = `http://127.0.0.1:${fixture.port}`;
    fixture.put([
      connector('tool', tool.url()),
      connector('secure', secure.url(), { caSecret: 'tool-ca' }),
      connector('self', `${own}/namespaces/ci/connectors/self`, { secret: 'own-token' }),
      connector('named', `http://looping.example:${fixture.port}/namespaces/ci/connectors/named`, {
        secret: 'own-token',
      }),
      connector('service', `http://${service}/namespaces/ci/connectors/service`, { secret: 'own-token' }),
      connector('health', `http://127.0.0.1:${fixture.httpPort}`),
      // What the tool gets as its credential opens the proxy itself, so that nothing but a check ends the loop.
      secret('own-token', 'connectors.cpaas.io/bearer-token', { token: await fixture.token() }),
      ...grant('builder', ['tool', 'secure', 'self', 'named', 'service', 'health']),
    ]);
  });

  for (const name of ['self', 'named', 'service', 'health']) {
    it(`is refused at once for a Connector such as "${name}"`, async () => {
      const client = await fixture.client(`ci/${name}`);
      const answer = await client.reverse(`/namespaces/ci/connectors/${name}/metrics`);
      assert.equal(answer.status, 508);
      assert.match(answer.body, itself);
      assert.equal(fixture.requests.length, 1);
    });
  }

  it('is refused for the ports of the proxy and its Service in every other way in', async () => {
    const client = await fixture.client('ci/tool');
    const hosts = [serviceName, `${serviceName}.connectors-system`, `${serviceName}.connectors-system.svc`, service];
    const own = [
      ...[fixture.port, fixture.httpPort].map((port) => `127.0.0.1:${port}`),
      `any.example:${fixture.httpPort}`,
    ];
    for (const authority of [...own, ...hosts.map((host) => `${host}:80`), ...hosts.map((host) => `${host}:9808`)]) {
      const answer = await client.get(`http://${authority}/metrics`);
      assert.equal(answer.status, 508, authority);
      assert.match(answer.body, itself);
      assert.match((await client.connect(authority)).head, /^HTTP\/1\.1 508 /, authority);
    }
  });

  it('is refused by its Via, whatever the way in, and not by that of another proxy', async () => {
    const client = await fixture.client('ci/tool,ci/secure');
    await client.get(tool.url());
    const via = tool.seen[0]?.headers.via ?? '';
    const headers = { via: `1.0 other, ${via}` };
    for (const answer of [
      await client.get(tool.url(), { headers }),
      await client.getSecurely(secure.url(), { headers }),
      await client.reverse('/namespaces/ci/connectors/tool/', { headers }),
    ]) {
      assert.equal(answer.status, 508);
      assert.match(answer.body, /has passed this proxy before \(Via\): set the address of the Connector/);
    }
    const connect = [`CONNECT tool.example:${tool.port} HTTP/1.1`, `Host: x`, `Via: ${via}`];
    const credentials = `Proxy-Authorization: ${client.authorization}`;
    assert.match(await client.exchange(`${[...connect, credentials].join('\r\n')}\r\n\r\n`), /^HTTP\/1\.1 508 /);
    const other = '1.1 connectors-proxy-0123456789abcdef';
    assert.equal((await client.get(tool.url(), { headers: { via: other } })).status, 200);
    assert.equal(tool.seen[1]?.headers.via, `${other}, ${via}`);
    assert.deepEqual([tool.seen.length, secure.seen.length], [2, 0]);
  });

  it('is none where a client that uses the proxy asks for one of its own paths', async () => {
    const client = await fixture.client();
    const headers = { authorization: `Bearer ${client.token}` };
    const answer = await client.get(`http://${service}/namespaces/ci/connectors/tool/a?b`, { headers });
    assert.equal(answer.status, 200);
    assert.equal(tool.seen[0]?.url, '/a?b');
    assert.equal((await client.get(`http://${service}/namespaces/ci/connectors/tool/a`)).status, 401);
  });
});

describe('the proxy in a cluster', () => {
  let fixture: ClusterFixture;
  beforeEach(async () => void (fixture = started(await ClusterFixture.start())));

  it('refuses its Service by its address', async () => {
    fixture.names = { [service]: '10.96.0.77', 'alias.example': '10.96.0.77' };
    fixture.put(connector('tool', 'http://tool.example'), connectorClass());
    fixture.allow('tool');
    await fixture.replica();
    const client = fixture.client();
    const head = async (): Promise<string> => (await client.connect('10.96.0.77:443')).head;
    await eventually('the Service is known', async () => (await head()).startsWith('HTTP/1.1 508'));
    const answer = await client.get('http://alias.example:9808/metrics');
    assert.equal(answer.status, 508);
    assert.match(answer.body, itself);
  });

  for (const way of ['ordinary request', 'upgrade'] as const) {
    it(`ends a loop of an ${way} over two replicas`, async () => {
      await fixture.replica();
      await fixture.replica();
      const ports = fixture.replicas.map((_proxy, at) => fixture.client('ci/a', fixture.token(), at).port);
      fixture.put(
        connector('a', `http://127.0.0.1:${ports[1]}/namespaces/ci/connectors/b`, { secret: 'own-token' }),
        connector('b', `http://127.0.0.1:${ports[0]}/namespaces/ci/connectors/a`, { secret: 'own-token' }),
        connectorClass(),
        secret('own-token', 'connectors.cpaas.io/bearer-token', { token: fixture.token() }),
      );
      fixture.bindCredentials('ci');
      for (const name of ['a', 'b']) fixture.allow(name);
      const client = fixture.client('ci/a');
      const headers = way === 'ordinary request' ? {} : { connection: 'Upgrade', upgrade: 'websocket' };
      const status = async (path = 'known'): Promise<number> =>
        (await client.reverse(`/namespaces/ci/connectors/a/${path}`, { headers })).status;
      await eventually('the Connectors are known', async () => ![502, 503].includes(await status()));
      assert.equal(await status('counted'), 508);
      const passes = (): number => fixture.log.split('\n').filter((line) => line.includes('/counted"')).length;
      await eventually('both replicas have logged it', () => passes() === 2);
    });
  }
});
