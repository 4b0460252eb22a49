import assert from 'node:assert/strict';
import { driverRules } from '../../../support/access/driver-rules.js';
import { ApprovalsController } from '../../../support/access/approvals-controller.js';
import { eventually } from '../../../support/poll.js';
import { ClusterStage, buildPod } from '../../../support/proxy/cluster-stage.js';
import { connector, connectorClass, flags, secret } from '../../../support/proxy/manifests.js';
import { ToolServer, toolAuthority } from '../../../support/proxy/tool-server.js';

const service = { kind: 'Service', namespace: 'connectors-system', name: 'connectors-proxy-service' };

/** As `permissionsUsed` of the test API server words them. */
function rightsGiven(): readonly string[] {
  const texts = driverRules('proxy/rbac.yaml').flatMap(({ apiGroups = [], resources = [], verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) =>
        verbs.map((verb) => `${verb} ${[group, resource].filter((part) => part !== '').join('/')}`),
      ),
    ),
  );
  return [...new Set(texts)].sort();
}

const pod = { namespace: 'ci', serviceAccountName: 'builder', ...buildPod };

describe('the rights of the proxy', () => {
  it('are those that it uses, each of them and no more', async () => {
    const tool = await ToolServer.start('https');
    const stage = await ClusterStage.start();
    const token = (): string => stage.token('builder', 600, 'connectors-proxy', pod);
    try {
      stage.put(
        connectorClass('any', { proxy: { ref: service } }),
        connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
        secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: 'any' }),
        secret('tool-ca', 'Opaque', { 'ca.crt': toolAuthority.certificate }),
      );
      stage.bindCredentials('ci');
      stage.allow('tool');
      await stage.replica();
      await eventually('the status is written', () => stage.condition('Ready') === 'True Ready', 30_000);
      const ofClass = (): unknown => stage.api.get('connectorclasses', { name: 'any' })?.['status'];
      await eventually('that of the class too', () => ofClass() !== undefined, 30_000);
      const leases = { resource: 'leases', verb: 'patch', code: 200 };
      await eventually('the Lease is renewed', () => stage.api.count(leases) > 0, 30_000);
      assert.equal((await stage.client().getSecurely(tool.url())).status, 200);
      // A pod without an AccessRequest is looked for by its name and by its labels.
      new ApprovalsController(stage.api).permit(pod, { namespace: 'ci', name: 'tool' });
      stage.put(flags({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
      await eventually('approval counts', async () => {
        const { status } = await stage.client('ci/tool', token()).get(tool.url());
        return status === 403 && stage.api.count({ resource: 'accessrequests', verb: 'list' }) > 0;
      });
      const used = stage.api.permissionsUsed('system:serviceaccount:connectors-system:connectors-proxy');
      assert.deepEqual(used, rightsGiven());
      assert.deepEqual(stage.api.requestsOf({ code: 403 }), []);
    } finally {
      await stage.stop();
      await tool.stop();
    }
  }).timeout(60_000);
});
