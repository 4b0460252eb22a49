import assert from 'node:assert/strict';
import { ApprovalCluster, harbor, quay } from '../../support/access/approval-cluster.ts';
import { cleanedUp, granted, rejected } from '../../support/access/approvals-controller.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import type { StoredObject } from '../../support/kube-api/resources.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const onChange = ['--refresh-on-change=true'];

describe('the approval of a mounted volume', () => {
  let cluster: ApprovalCluster;
  let volume: TestVolume;
  let request: StoredObject;
  let revoke: () => void;

  const start = async (flags: readonly string[] = []): Promise<void> => {
    cluster = started(await ApprovalCluster.start([...onChange, ...flags]));
    volume = cluster.node.volume();
    const published = cluster.publish(volume);
    [request] = (await cluster.controller.requested()) as [StoredObject];
    await cluster.controller.watched();
    revoke = cluster.controller.grant(request, volume.pod, harbor);
    await published;
    await isWatched();
  };
  /** The one of the publish is over, and the one of the mounted volume has begun. */
  const isWatched = (): Promise<void> =>
    eventually('the request is watched', () => cluster.api.openWatches('accessrequests') === 1);
  const condition = async (): Promise<string> => {
    const { volumeId, target } = volume;
    const answer = await cluster.driver.kubelet.statistics({ volume_id: volumeId, volume_path: target });
    return answer.volume_condition?.message ?? '';
  };
  const publishes = (): Promise<number | undefined> =>
    cluster.metric('connectors_csi_publishes_total{outcome="ok",path="fresh"}');

  it('is seen at once when it is rejected, and when it is granted again', async () => {
    await start();
    revoke();
    cluster.controller.setConditions(request, rejected);
    await eventually('the reason is all that there is', () => Object.keys(volume.read()).join() === '.error.json');
    assert.match(volume.read()['.error.json'] ?? '', /not on a Friday/);
    assert.deepEqual(volume.pathsWith(volume.token), []);
    assert.match(await condition(), /access was rejected/);
    revoke = cluster.controller.grant(request, volume.pod, harbor);
    await eventually('the files are back', () => volume.read()['context.token'] === volume.token);
    assert.equal(await condition(), 'published and current');
    cluster.controller.setConditions(request, rejected);
    await eventually(
      'a rejection counts while its role is still there',
      () => Object.keys(volume.read()).join() === '.error.json',
    );
    assert.equal(await publishes(), 1);
    assert.equal(
      await cluster.metric('connectors_csi_rpc_duration_seconds_count{method="NodePublishVolume",code="OK"}'),
      1,
    );
  });

  for (const flags of [[], ['--on-revoked', 'remove']]) {
    it(`is seen at once when it is over, with ${flags.join(' ') || 'the defaults'}`, async () => {
      await start(flags);
      revoke();
      cluster.controller.setConditions(request, granted, cleanedUp);
      await eventually('the condition tells', async () =>
        (await condition()).includes('FAILED_PRECONDITION: the approval of this pod for connector ci/harbor is over'),
      );
      assert.equal(volume.read()['context.token'], flags.length === 0 ? volume.token : undefined);
      assert.equal(volume.pathsWith(volume.token).length > 0, flags.length === 0);
      revoke = cluster.controller.grant(request, volume.pod, harbor);
      await eventually('all is well', async () => (await condition()) === 'published and current');
      assert.equal(volume.read()['context.token'], volume.token);
    });
  }

  it('is no matter when its request is cleared away and the permission is still there', async () => {
    await start();
    const { name, namespace } = request.metadata;
    cluster.api.delete('accessrequests', { name, namespace: namespace! });
    await eventually('the volume was looked at', () => /"unchanged".*Refreshed volume after/.test(cluster.log));
    assert.equal(await condition(), 'published and current');
    assert.equal(cluster.controller.requests.length, 0);
  });

  it('is watched for each connector of a volume, until it is unpublished', async () => {
    await start();
    const several = cluster.node.volume();
    const published = cluster.publish(several, 'harbor,tools/quay');
    await cluster.controller.requested(3);
    for (const each of cluster.controller.requests.filter(({ spec }) => uidIn(spec) === several.pod.uid)) {
      const isHarbor = each.metadata.namespace === 'ci';
      cluster.controller.grant(each, several.pod, isHarbor ? harbor : quay);
    }
    await published;
    await eventually('three are watched', () => cluster.api.openWatches('accessrequests') === 3);
    await cluster.driver.kubelet.unpublishVolume(several);
    await isWatched();
    await cluster.driver.kubelet.unpublishVolume(volume);
    await eventually('none is watched', () => cluster.api.openWatches('accessrequests') === 0);
  });

  it('is watched again after a restart, from the first republish on', async () => {
    await start();
    await cluster.stopDriver();
    await eventually('none is watched', () => cluster.api.openWatches('accessrequests') === 0);
    await cluster.startDriver(onChange);
    await cluster.publish(volume);
    await isWatched();
    cluster.controller.setConditions(request, rejected);
    await eventually('the rejection is seen', () => Object.keys(volume.read()).join() === '.error.json');
  });

  it('is requested as soon as approval is turned on, and the files stay until then', async () => {
    cluster = started(await ApprovalCluster.start(onChange));
    cluster.setFlags({ proxyPermissions: false, approval: false });
    volume = cluster.node.volume();
    await eventually('approval is off', () =>
      cluster.publish(volume).then(
        () => true,
        () => false,
      ),
    );
    const files = volume.read();
    cluster.setFlags({ proxyPermissions: true, approval: true });
    [request] = (await cluster.controller.requested()) as [StoredObject];
    await eventually('the condition tells', async () => (await condition()).includes('waiting for approval'));
    assert.deepEqual(volume.read(), files);
    cluster.controller.grant(request, volume.pod, harbor);
    await cluster.publish(volume);
    assert.equal(await condition(), 'published and current');
  });

  it('is not watched without --refresh-on-change', async () => {
    await start(['--refresh-on-change=true']);
    await cluster.driver.kubelet.unpublishVolume(volume);
    await cluster.stopDriver();
    await cluster.startDriver(['--refresh-on-change=false']);
    await cluster.publish(volume);
    await eventually('none is watched', () => cluster.api.openWatches('accessrequests') === 0);
  });
});

function uidIn(spec: unknown): string {
  return (spec as { readonly context: { readonly objectRef: { readonly uid: string } } }).context.objectRef.uid;
}
