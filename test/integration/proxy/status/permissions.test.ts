import assert from 'node:assert/strict';
import { rulesFor } from '../../../support/access/driver-rules.ts';
import { ApprovalsController } from '../../../support/access/approvals-controller.ts';
import { eventually } from '../../../support/poll.ts';
import { ClusterFixture, buildPod } from '../../../support/proxy/cluster-fixture.ts';
import { serviceAccount } from '../../../support/proxy/identity-cluster.ts';
import { connector, connectorClass, flags, proxyService, secret } from '../../../support/proxy/manifests.ts';
import { ToolServer, toolCa } from '../../../support/proxy/tool-server.ts';
import { started } from '../../../support/started.ts';

/** As `permissionsUsed` of the test API server words them. */
function rightsGiven(): readonly string[] {
  const texts = rulesFor('proxy').flatMap(({ apiGroups = [], resources = [], verbs }) =>
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
    const tool = started(await ToolServer.start('https'));
    const fixture = started(await ClusterFixture.start());
    const token = (): string => fixture.token('builder', 600, 'connectors-proxy', pod);
    fixture.put(
      connectorClass('any', { proxy: { ref: proxyService } }),
      connector('tool', tool.url(), { secret: 'login', caSecret: 'tool-ca' }),
      secret('login', 'kubernetes.io/basic-auth', { username: 'robot', password: 'any' }),
      toolCa,
    );
    fixture.put(
      serviceAccount('deployer'),
      connector('vault', tool.url(), { secret: 'identity', caSecret: 'tool-ca' }),
      secret('identity', 'connectors.alauda.io/service-account-token', {
        serviceAccount: 'deployer',
        audience: 'vault',
      }),
    );
    fixture.bindCredentials('ci');
    fixture.bindIdentities('ci');
    fixture.allow('tool');
    await fixture.replica();
    await fixture.becomes('Ready', 'True Ready');
    await fixture.becomes('Ready', 'True Ready', 'vault');
    const ofClass = (): unknown => fixture.api.get('connectorclasses', { name: 'any' })?.['status'];
    await eventually('that of the class too', () => ofClass() !== undefined, 30_000);
    const leases = { resource: 'leases', verb: 'patch', code: 200 };
    await eventually('the Lease is renewed', () => fixture.api.count(leases) > 0, 30_000);
    assert.equal((await fixture.client().getSecurely(tool.url())).status, 200);
    new ApprovalsController(fixture.api).permit(pod, { namespace: 'ci', name: 'tool' });
    fixture.put(flags({ 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' }));
    await eventually('approval counts', async () => {
      const { status } = await fixture.client('ci/tool', token()).get(tool.url());
      return status === 403 && fixture.api.count({ resource: 'accessrequests', verb: 'list' }) > 0;
    });
    const used = fixture.api.permissionsUsed('system:serviceaccount:connectors-system:connectors-proxy');
    // Only the policy for tokens looks at this one.
    const given = rightsGiven().filter((right) => right !== 'identify connectors.alauda.io/proxies');
    assert.deepEqual(used, given);
    assert.deepEqual(fixture.api.requestsOf({ code: 403 }), []);
  }).timeout(60_000);
});
