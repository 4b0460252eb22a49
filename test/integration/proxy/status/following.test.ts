import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { eventually } from '../../../support/poll.js';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.js';
import { basicTemplate, connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.js';
import { credentialCanary, robotLogin, robotBasic } from '../../../support/proxy/proxy-fixture.js';
import { ToolServer, toolCa } from '../../../support/proxy/tool-server.js';

const writes = { verb: 'patch', subresource: 'status', name: 'tool' };
const never = 3_600_000;
/** Nothing is checked by itself, once it has been. */
const onlyWhenAsked = { againMs: never, soonMs: never, lateMs: never, checkMs: never };

/** Where the proxy notices by itself, or by requests, what no watch tells. */
describe('the status of a Connector follows', function () {
  this.timeout(90_000);

  let tool: ToolServer;
  let toolUrl: string;
  let fixture: ClusterFixture;
  const becomes = (expected: string, name = 'tool'): Promise<void> => fixture.becomes('Ready', expected, name);
  const answering = (status: number): void => {
    tool.answer = (_request, response: ServerResponse) => void response.writeHead(status).end();
  };
  const probes = (path: string): number => tool.seen.filter(({ url }) => url === path).length;
  const request = async (path = '/', replica = 0): Promise<number> =>
    (await fixture.client('ci/tool', fixture.token(), replica).getSecurely(`${toolUrl}${path}`)).status;
  /** What would come of an earlier event has come by then. */
  const afterAnother = async (name: string): Promise<void> => {
    fixture.put(connector(name, tool.url(), { caSecret: 'tool-ca', className: 'plain' }));
    await becomes('True Ready', name);
  };

  beforeEach(async () => {
    tool = await ToolServer.start('https');
    toolUrl = tool.url();
    fixture = await ClusterFixture.start();
    const probe = { http: { path: '/login', httpHeaders: [{ name: 'Authorization', value: basicTemplate }] } };
    fixture.put(
      connectorClass('plain', { proxy: { ref: proxyService } }),
      connectorClass('any', {
        proxy: { ref: proxyService },
        livenessProbe: { http: { path: '/', response: { cel: 'response.statusCode < 500' } } },
        auth: { types: [{ name: 'basicAuth', secretType: 'kubernetes.io/basic-auth' }] },
        authProbes: [{ authName: 'basicAuth', probe }],
      }),
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
      robotLogin,
      toolCa,
    );
    fixture.bindCredentials('ci');
    fixture.allow('tool');
    fixture.statusTimings = { ...fixture.statusTimings, ...onlyWhenAsked };
  });
  afterEach(async () => {
    await fixture.stop();
    await tool.stop();
  });

  describe('requests', () => {
    it('that a tool answers with 401, and those that it serves again', async () => {
      await fixture.replica();
      await becomes('True Ready');
      answering(401);
      assert.equal(await request(), 401);
      await becomes('False Rejected');
      answering(200);
      // A rejected credential is shown again only when requests are served for some time.
      assert.equal(await request(), 200);
      fixture.put(secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: `${credentialCanary}2` }));
      await eventually('they are served with the new password', async () => {
        await request();
        return fixture.condition('Ready') === 'True Ready';
      });
    });

    it('that find no tool, and those that find it again', async () => {
      await fixture.replica();
      await becomes('True Ready');
      const { port } = tool;
      await tool.stop();
      assert.equal(await request(), 502);
      await becomes('False Unreachable');
      assert.equal(fixture.condition('AuthReady'), 'Unknown Unreachable');
      tool.server.listen(port, '127.0.0.1');
      assert.equal(await request(), 200);
      await becomes('True Ready');
    });

    it('that find the Secret gone, in each way in', async () => {
      await fixture.replica();
      await becomes('True Ready');
      fixture.api.delete('secrets', { namespace: 'ci', name: 'login' });
      // It is cached for some seconds.
      await eventually('it is missed', async () => (await request()) === 502);
      await becomes('False Unusable');
      fixture.put(robotLogin);
      const reverse = async (): Promise<number> =>
        (await fixture.client().reverse('/namespaces/ci/connectors/tool/')).status;
      await eventually('it is found', async () => (await reverse()) === 200);
      await becomes('True Ready');
    });

    it('to the replica with the Lease alone', async () => {
      await fixture.replica();
      await becomes('True Ready');
      const other = await fixture.replica();
      const before = fixture.api.count(writes);
      answering(401);
      assert.equal(await request('/', 1), 401);
      await afterAnother('next');
      assert.equal(fixture.condition('Ready'), 'True Ready');
      assert.equal(fixture.api.count(writes), before);
      assert.doesNotMatch(await other.metrics.text(), /status_writes_total\{/);
      assert.equal(await request('/', 0), 401);
      await becomes('False Rejected');
    });

    it('as rarely as is allowed, whatever a client asks for', async () => {
      fixture.statusTimings = { ...fixture.statusTimings, requestedMs: never };
      await fixture.replica();
      await becomes('True Ready');
      tool.answer = ({ url }, response) => void response.writeHead(url === '/private' ? 401 : 200).end();
      for (let count = 0; count < 20; count += 1) assert.equal(await request('/private'), 401);
      await afterAnother('next');
      assert.deepEqual([probes('/'), probes('/login')], [1, 1]);
    });

    it('and is the same when a client is the one to blame', async () => {
      fixture.statusTimings = { ...fixture.statusTimings, requestedMs: 0 };
      await fixture.replica();
      await becomes('True Ready');
      tool.answer = ({ url }, response) => void response.writeHead(url === '/private' ? 401 : 200).end();
      await eventually('it is looked at', async () => (await request('/private')) === 401 && probes('/login') > 3);
      await afterAnother('next');
      assert.equal(fixture.condition('Ready'), 'True Ready');
      assert.equal(fixture.api.count(writes), 1);
    });
  });

  describe('by itself', () => {
    beforeEach(() => {
      fixture.statusTimings = { ...fixture.statusTimings, againMs: 20, soonMs: 100, lateMs: 100 };
    });

    it('a Secret, a RoleBinding and a CA that come', async () => {
      fixture.put(connector('tool', tool.url(), { namespace: 'far', secret: 'login', caSecret: 'tool-ca' }));
      const far = (): string => {
        const status = fixture.api.get('connectors', { namespace: 'far', name: 'tool' })?.['status'] as
          { conditions?: { type: string; status: string; message: string }[] } | undefined;
        const ready = status?.conditions?.find(({ type }) => type === 'Ready');
        return ready === undefined ? '' : `${ready.status} ${ready.message}`;
      };
      const says = (expected: RegExp): Promise<void> =>
        eventually(`${String(expected)}, not ${far()}`, () => expected.test(far()), 40_000);
      await fixture.replica();
      await says(/^False the proxy cannot read secret far\/tool-ca: bind its service account in "far"/);
      fixture.bindCredentials('far');
      await says(/^False .*Secret far\/tool-ca of spec\.caCertSecretRef does not exist/);
      const inFar = { namespace: 'far' };
      fixture.put({
        ...toolCa,
        metadata: { ...inFar, name: 'tool-ca' },
      });
      await says(/^False Secret far\/login does not exist/);
      fixture.put({ ...robotLogin, metadata: { ...inFar, name: 'login' } });
      await says(/^True/);
    });

    it('a tool that comes, without a credential that was rejected being shown again', async () => {
      tool.answer = ({ url, headers }, response) =>
        void response.writeHead(url === '/login' && headers.authorization !== robotBasic ? 401 : 200).end();
      fixture.put(secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: 'wrong' }));
      await fixture.replica();
      await becomes('False Rejected');
      await eventually('it is looked at again', () => probes('/') > 5);
      assert.equal(probes('/login'), 1);
      fixture.put(robotLogin);
      await becomes('True Ready');
      assert.equal(probes('/login'), 2);
    });

    it('what is well and is not any more is seen twice before it is told, a credential too', async () => {
      fixture.statusTimings = { ...fixture.statusTimings, ...onlyWhenAsked, confirmMs: 500 };
      await fixture.replica();
      await becomes('True Ready');
      assert.equal(probes('/login'), 1);
      answering(401);
      assert.equal(await request(), 401);
      await becomes('False Rejected');
      // When the request failed, and then to confirm it.
      assert.equal(probes('/login'), 3);
    });

    it('does not show the credential to a tool that is not there', async () => {
      const unreachable = 'https://tool.example:1';
      fixture.put(connector('tool', unreachable, { secret: 'login', caSecret: 'tool-ca' }));
      const replica = await fixture.replica();
      await becomes('False Unreachable');
      assert.equal(fixture.condition('AuthReady'), 'Unknown Unreachable');
      assert.equal(fixture.message('AuthReady'), fixture.message('LivenessReady'));
      assert.doesNotMatch(await replica.metrics.text(), /probes_total\{probe="auth"/);
    });
  });

  it('what another replica has seen, after having looked itself', async () => {
    await fixture.replica();
    await becomes('True Ready');
    const before = fixture.api.get('connectors', { namespace: 'ci', name: 'tool' })!;
    const conditions = (fixture.status().conditions ?? []).map((condition) =>
      condition.type === 'Ready' || condition.type === 'LivenessReady'
        ? { ...condition, status: 'False', reason: 'Unreachable', message: 'seen by another replica' }
        : condition,
    );
    await tool.stop();
    fixture.api.put({ ...before, status: { ...fixture.status(), conditions } });
    await eventually('it has looked itself', () => fixture.message('Ready').startsWith('no connection to'), 40_000);
    assert.equal(fixture.condition('Ready'), 'False Unreachable');
    assert.equal(fixture.api.count(writes), 2);
  });

  it('a tool that came back before another replica got the Lease, which checks unready Connectors soon', async () => {
    fixture.statusTimings = { ...fixture.statusTimings, confirmMs: 0, soonMs: 100 };
    const { port } = tool;
    await tool.stop();
    const first = await fixture.replica();
    await becomes('False Unreachable');
    await first.stop();
    tool.server.listen(port, '127.0.0.1');
    fixture.statusTimings = { ...fixture.statusTimings, againMs: never };
    await fixture.replica();
    await becomes('True Ready');
  });

  it('a tool that comes and goes, with a few changes at once and then rarely', async () => {
    fixture.statusTimings = { ...fixture.statusTimings, quietMs: never, confirmMs: 0, againMs: 20, soonMs: 100 };
    await fixture.replica();
    await becomes('True Ready');
    const { port } = tool;
    const goes = async (): Promise<void> => {
      await tool.stop();
      assert.equal(await request(), 502);
      await becomes('False Unreachable');
    };
    await goes();
    tool.server.listen(port, '127.0.0.1');
    await becomes('True Ready');
    await goes();
    const before = probes('/login');
    tool.server.listen(port, '127.0.0.1');
    await eventually('it is found', () => probes('/login') > before);
    await afterAnother('next');
    assert.equal(fixture.condition('Ready'), 'False Unreachable');
    assert.equal(fixture.api.count(writes), 4);
  });
});
