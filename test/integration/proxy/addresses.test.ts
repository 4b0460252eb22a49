import assert from 'node:assert/strict';
import { proxyLimits } from '../../../src/proxy/limits.ts';
import { eventually } from '../../support/poll.ts';
import { connector, grant, secret } from '../../support/proxy/manifests.ts';
import { ProxyFixture, credentialCanary } from '../../support/proxy/proxy-fixture.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('addresses that no tool is at', () => {
  const refusedHosts = [
    '127.0.0.1',
    'loopback.example',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '169.254.169.254',
    'metadata.example',
    '0.0.0.0',
    '[::]',
    '224.0.0.1',
    '10.96.0.1',
    'api.example',
    '2130706433.example',
  ];

  it('are refused for every host, in every way in', async () => {
    const tool = started(await ToolServer.start('http'));
    const fixture = started(
      await ProxyFixture.start(
        [
          ...refusedHosts.map((host, at) => connector(`tool-${at}`, `http://${host}:${tool.port}`)),
          ...grant('builder', []),
        ],
        {
          flags: ['--allow-upstream-cidrs', ''],
          apiServer: ['10.96.0.1'],
          names: { 'metadata.example': '169.254.169.254', 'api.example': '10.96.0.1' },
        },
      ),
    );
    const client = await fixture.client(refusedHosts.map((_host, at) => `ci/tool-${at}`).join());
    for (const [at, host] of refusedHosts.entries()) {
      const answer = await client.get(`http://${host}:${tool.port}/`);
      assert.equal(answer.status, 403, host);
      assert.match(answer.body, /is blocked: the proxy does not connect to loopback/);
      assert.equal((await client.reverse(`/namespaces/ci/connectors/tool-${at}/`)).status, 403, host);
    }
    for (const host of refusedHosts) {
      // To another port it is the host of no connector, and the tunnel would be blind.
      const { head } = await client.connect(`${host}:1`);
      assert.match(head, /^HTTP\/1\.1 403 /, host);
    }
    assert.deepEqual(tool.seen, []);
  });

  it('are found out in the answer that is connected to: a name that changes its mind leads nowhere else', async () => {
    const tool = started(await ToolServer.start('http'));
    let lookups = 0;
    const fixture = started(
      await ProxyFixture.start([connector('tool', tool.url()), ...grant('builder', ['tool'])], {
        names: { 'tool.example': () => ((lookups += 1) === 1 ? '127.0.0.1' : '169.254.169.254') },
      }),
    );
    const client = await fixture.client();
    // Looked up once, and that very address is connected to.
    assert.equal((await client.get(tool.url())).status, 200);
    assert.equal(lookups, 1);
  });
});

describe('a name whose server cannot answer', () => {
  it('is a 502 with the name', async () => {
    const fail = (): Promise<string> => Promise.reject(Object.assign(new Error('no server'), { code: 'EAI_AGAIN' }));
    const manifests = [connector('tool', 'http://gone.example'), ...grant('builder', ['tool'])];
    const fixture = started(await ProxyFixture.start(manifests, { names: { 'gone.example': fail } }));
    const { status, body } = await (await fixture.client()).get('http://gone.example/');
    assert.equal(status, 502);
    assert.match(body, /^unknown host: .*http:\/\/gone\.example \(EAI_AGAIN\)/);
  });
});

describe('names whose server is silent', () => {
  const { connector: ofConnectors, namespaceShare } = proxyLimits.lookups;
  it('are looked up few at a time for token services of registries, and hold up no other namespace', async () => {
    let lookups = 0;
    const silent = (): Promise<string> => {
      lookups += 1;
      return new Promise(() => undefined);
    };
    const registries = Array.from({ length: 12 }, (_each, at) => `registry-${at}`);
    // At the host `registry-0.example` it names `silent.registry-0.example`.
    const tool = started(
      await ToolServer.start('http', ({ headers, url }, response) => {
        const realm = `http://silent.${headers.host?.split(':')[0] ?? ''}/token`;
        const challenge = { 'WWW-Authenticate': `Bearer realm="${realm}",service="registry"` };
        response.writeHead(url === '/' ? 200 : 401, challenge).end();
      }),
    );
    const fixture = await ProxyFixture.start(
      [
        ...registries.map((name) => {
          const extensions = [`http://silent.${name}.example`];
          return connector(name, tool.url(`${name}.example`), { secret: 'login', extensions });
        }),
        secret('login', 'cpaas.io/distribution-registry-token', { username: 'robot', password: credentialCanary }),
        ...grant('builder', registries),
        connector('tool', tool.url(), { namespace: 'other' }),
        ...grant('builder', ['tool'], { namespace: 'other' }),
      ],
      { names: Object.fromEntries(registries.map((name) => [`silent.${name}.example`, silent])) },
    );
    const client = await fixture.client();
    const asked = registries.map((name) =>
      client.reverse(`/v2/namespaces/ci/connectors/${name}/app/manifests/1`).catch(() => undefined),
    );
    await eventually('some are looked up', () => lookups === ofConnectors.inFlight * namespaceShare);
    assert.equal((await client.reverse('/namespaces/other/connectors/tool/')).status, 200);
    assert.equal(lookups, ofConnectors.inFlight * namespaceShare);
    await fixture.stop();
    await Promise.all(asked);
  });
});
