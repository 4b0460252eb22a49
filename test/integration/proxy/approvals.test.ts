import assert from 'node:assert/strict';
import { accessRequestFor } from '../../../src/shared/access/access-request.ts';
import type { PodIdentity } from '../../../src/shared/access/permission.ts';
import {
  ApprovalsController,
  cleanedUp,
  granted,
  rejected,
  unmatched,
} from '../../support/access/approvals-controller.ts';
import type { Condition } from '../../support/access/approvals-controller.ts';
import type { KubeObject } from '../../support/kube-api/resources.ts';
import { eventually } from '../../support/poll.ts';
import { ClusterFixture, buildPod } from '../../support/proxy/cluster-fixture.ts';
import { connector, connectorClass, flags } from '../../support/proxy/manifests.ts';
import { ToolServer } from '../../support/proxy/tool-server.ts';
import { started } from '../../support/started.ts';

const flagsOn = { 'enable-connector-proxy-permissions': 'true', 'enable-connectors-approval': 'true' };
const tool = { namespace: 'ci', name: 'tool' };
const pod: PodIdentity = { namespace: 'ci', serviceAccountName: 'builder', ...buildPod };
/** A later pod of a StatefulSet: the same name, and the role that names it is still there. */
const laterPod: PodIdentity = { ...pod, uid: 'c2d7ee3c-7b4b-4c8b-8e38-1e7f3f4c4d23' };
/** For what is cached for ten seconds, on a busy machine. */
const forgottenMs = 60_000;

describe('the proxy with approval on', () => {
  let server: ToolServer;
  let fixture: ClusterFixture;
  let approvals: ApprovalsController;

  beforeEach(async () => {
    server = started(await ToolServer.start('http'));
    fixture = started(await ClusterFixture.start());
    approvals = new ApprovalsController(fixture.api);
    fixture.put(connector('tool', server.url()), connectorClass(), flags(flagsOn));
    fixture.allow('tool');
    await fixture.replica();
  });

  const get = async (as = pod): Promise<{ readonly status: number; readonly body: string }> =>
    fixture.client('ci/tool', fixture.token('builder', 600, 'connectors-proxy', as)).get(server.url());
  /** As the driver makes it. */
  const request = (of: PodIdentity, ...conditions: readonly Condition[]): KubeObject => {
    const made = accessRequestFor({ pod: of, connector: tool }, 'node-1') as KubeObject;
    fixture.api.put(made);
    approvals.setConditions(made, ...conditions);
    return made;
  };
  const reads = (): number => fixture.api.count({ resource: 'accessrequests' });

  it('serves a pod with the permission and a granted request, which it reads once in a while', async () => {
    approvals.permit(pod, tool);
    request(pod, granted);
    for (let round = 0; round < 5; round += 1) assert.equal((await get()).status, 200);
    assert.equal(reads(), 1);
  });

  it('serves no later pod of the same name: its uid has no granted request', async () => {
    approvals.permit(pod, tool);
    request(pod, granted);
    assert.equal((await get()).status, 200);
    const { status, body } = await get(laterPod);
    assert.equal(status, 403);
    assert.ok(body.endsWith(`; or have an AccessRequest of pod ci/build-1 with uid ${laterPod.uid} granted\n`), body);
    assert.equal(server.seen.length, 1);
  });

  for (const [name, ...conditions] of [
    ['is undecided'],
    ['was rejected', rejected],
    ['was granted and is over', granted, cleanedUp],
    ['is covered by no policy', unmatched],
  ] as const) {
    it(`serves no pod whose request ${name}, whatever the role says`, async () => {
      approvals.permit(pod, tool);
      request(pod, ...conditions);
      assert.equal((await get()).status, 403);
    });
  }

  it('serves no pod with a granted request alone', async () => {
    request(pod, granted);
    assert.equal((await get()).status, 403);
  });

  it('takes a request that has another name, and one of another account, connector or pod for none', async () => {
    approvals.permit(pod, tool);
    const others: readonly (readonly [PodIdentity, string])[] = [
      [{ ...pod, serviceAccountName: 'other' }, 'tool'],
      [laterPod, 'tool'],
      [pod, 'other'],
    ];
    others.forEach(([of, name], at) => {
      const made = accessRequestFor({ pod: of, connector: { ...tool, name } }, 'node-1') as KubeObject;
      const labelled = accessRequestFor({ pod, connector: tool }, 'node-1') as KubeObject;
      const metadata = { ...labelled.metadata, name: `other-${at}` };
      fixture.api.put({ ...made, metadata, status: { conditions: [granted] } });
    });
    assert.equal((await get()).status, 403);
    const made = accessRequestFor({ pod, connector: tool }, 'node-1') as KubeObject;
    fixture.api.put({ ...made, metadata: { ...made.metadata, name: 'by-hand' }, status: { conditions: [granted] } });
    await eventually('it counts', async () => (await get()).status === 200, forgottenMs);
  });

  it('asks for no request where the account has the permission', async () => {
    fixture.allow('tool', 'builder', 'connectors/proxy', '*');
    assert.equal((await get()).status, 200);
    assert.equal(reads(), 0);
  });

  it('ends access soon after the decision is taken back', async () => {
    approvals.permit(pod, tool);
    const made = request(pod, granted);
    assert.equal((await get()).status, 200);
    approvals.setConditions(made, rejected);
    await eventually('it is denied', async () => (await get()).status === 403, forgottenMs);
  });

  it('names the rule that it lacks itself', async () => {
    fixture.withoutRights('accessrequests');
    approvals.permit(pod, tool);
    request(pod, granted);
    const { status, body } = await get();
    assert.equal(status, 502);
    assert.match(
      body,
      /looking for the AccessRequest of this pod for connector ci\/tool failed: .*; the proxy's own ClusterRole needs the rule - \{apiGroups: \["connectors.alauda.io"\], resources: \["accessrequests"\], verbs: \["list"\]\}/,
    );
  });
});
