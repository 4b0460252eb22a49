import assert from 'node:assert/strict';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture } from '../../../support/proxy/cluster-fixture.ts';
import { basicTemplate, connector, connectorClass, proxyService, secret } from '../../../support/proxy/manifests.ts';
import { robotLogin, robotBasic } from '../../../support/proxy/proxy-fixture.ts';
import { ToolServer, toolCa } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

const never = 3_600_000;
/** Nothing is checked by itself, once it has been. */
const onlyAfterChanges = { againMs: never, unreadyMs: never, checkMs: never };

/** Where the proxy notices by itself what no watch tells. */
describe('the status of a Connector follows', function () {
  this.timeout(90_000);

  let tool: ToolServer;
  let fixture: ClusterFixture;
  const becomes = (expected: string, name = 'tool'): Promise<void> => fixture.becomes('Ready', expected, name);
  const probes = (path: string): number => tool.seen.filter(({ url }) => url === path).length;

  beforeEach(async () => {
    tool = started(await ToolServer.start('https'));
    fixture = started(await ClusterFixture.start());
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
    fixture.statusTimings = { ...fixture.statusTimings, ...onlyAfterChanges };
  });

  describe('by itself', () => {
    beforeEach(() => {
      fixture.statusTimings = { ...fixture.statusTimings, againMs: 20, unreadyMs: 100 };
    });

    it('a Secret, a RoleBinding and a CA that come', async () => {
      fixture.put(connector('tool', tool.url(), { namespace: 'far', secret: 'login', caSecret: 'tool-ca' }));
      const far = (): string => {
        const status = fixture.api.get('connectors', { namespace: 'far', name: 'tool' })?.['status'] as
          | { conditions?: { type: string; status: string; message: string }[] }
          | undefined;
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

    it('does not show the credential to a tool that is not there', async () => {
      const unreachable = 'https://tool.example:1';
      fixture.put(connector('tool', unreachable, { secret: 'login', caSecret: 'tool-ca' }));
      await fixture.replica();
      await becomes('False Unreachable');
      assert.equal(fixture.condition('AuthReady'), 'Unknown Unreachable');
      assert.equal(fixture.message('AuthReady'), fixture.message('LivenessReady'));
    });
  });

  it('a tool that came back before another replica got the Lease, which checks unready Connectors soon', async () => {
    fixture.statusTimings = { ...fixture.statusTimings, confirmMs: 0 };
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
});
