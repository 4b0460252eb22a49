import assert from 'node:assert/strict';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, grant, secret } from '../../support/proxy/manifests.ts';
import { ProxyFixture, credentialCanary, robotLogin } from '../../support/proxy/proxy-fixture.ts';
import { TokenRegistry } from '../../support/proxy/registry.ts';
import { TokenEndpoint } from '../../support/proxy/token-endpoint.ts';
import { ToolServer, toolAuthority } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

describe('a kept connection that the server closes at its next use', function () {
  this.timeout(120_000);

  it('loses no request that can be repeated', async () => {
    const tool = started(await ToolServer.start('https'));
    const fixture = started(
      await ProxyFixture.start([
        connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
        robotLogin,
        ...grant('builder', ['tool']),
      ]),
    );
    tool.closesKept = true;
    const client = await fixture.client('ci/tool');
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND']) {
      await eventually(`${method} is lost`, async () => {
        assert.equal((await client.getSecurely(`${tool.url()}/x`, { method })).status, 200, method);
        return tool.lost.includes(`${method} /x`);
      });
    }
  });

  it('loses no request for a token', async () => {
    let nowMs = Date.now();
    const endpoint = started(await TokenEndpoint.start());
    const fixture = started(await ProxyFixture.start([], { now: () => nowMs, monotonicNow: () => nowMs }));
    fixture.put([
      connector('tool', endpoint.server.url(), { secret: 'login', caSecret: 'tool-ca' }),
      ...grant('builder', ['tool']),
      secret('login', 'connectors.alauda.io/oauth2-client', {
        ...{ clientId: 'builds', clientSecret: credentialCanary, tokenUrl: endpoint.url },
      }),
    ]);
    endpoint.server.closesKept = true;
    await eventually('a request for a token is lost', async () => {
      const client = await fixture.client('ci/tool', { expiresIn: 24 * 3600 });
      assert.equal((await client.getSecurely(`${endpoint.server.url()}/api`)).body, 'in');
      nowMs += 3_600_000;
      return endpoint.server.lost.includes('POST /oauth/token');
    });
    assert.ok(endpoint.asked.every(({ body }) => body === 'grant_type=client_credentials'));
  });

  it('loses neither a question to a registry nor to its token service', async () => {
    const registry = started(await TokenRegistry.start(`robot:${credentialCanary}`));
    const names = Array.from({ length: 20 }, (_, at) => `tool-${at}`);
    const fixture = started(
      await ProxyFixture.start([
        ...names.map((name) => connector(name, registry.url, { secret: 'login', caSecret: 'tool-ca' })),
        secret('login', 'cpaas.io/distribution-registry-token', { username: 'robot', password: credentialCanary }),
        ...grant('builder', names),
      ]),
    );
    registry.tool.closesKept = true;
    const { lost } = registry.tool;
    let used = 0;
    await eventually('both are lost', async () => {
      const client = await fixture.client(`ci/${names[used]}`);
      used += 1;
      assert.equal((await client.getSecurely(`${registry.url}/v2/app/manifests/latest`)).body, 'layer');
      return lost.includes('GET /v2/') && lost.some((line) => line.startsWith('GET /token?'));
    });
  });

  describe('with a probe', () => {
    let tool: ToolServer;
    let fixture: ClusterFixture;
    const ref = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };

    beforeEach(async () => {
      tool = started(await ToolServer.start('https', (_request, response) => void response.writeHead(204).end()));
      tool.closesKept = true;
      fixture = started(await ClusterFixture.start());
      fixture.bindCredentials('ci');
    });

    const put = (http: object): void =>
      fixture.put(
        secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: credentialCanary }),
        secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }),
        connectorClass('any', {
          proxy: { ref },
          auth: { types: [{ name: 'basicAuth', secretType: 'kubernetes.io/basic-auth' }] },
          livenessProbe: { http: { path: '/live' } },
          authProbes: [{ authName: 'basicAuth', probe: { http } }],
        }),
        connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
      );
    const becomes = (expected: string): Promise<void> =>
      eventually(
        `AuthReady is ${expected}, not ${fixture.condition('AuthReady')}`,
        () => fixture.condition('AuthReady') === expected,
        40_000,
      );

    it('has it sent again', async () => {
      put({ path: '/me' });
      await fixture.replica();
      await becomes('True Accepted');
      assert.equal(fixture.condition('LivenessReady'), 'True Answered');
      assert.ok(tool.lost.includes('GET /me'));
    });
  });
});
