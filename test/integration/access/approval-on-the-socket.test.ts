import assert from 'node:assert/strict';
import fs from 'node:fs';
import { ApprovalCluster, harbor } from '../../support/access/approval-cluster.ts';
import { cleanedUp, granted, rejected } from '../../support/access/approvals-controller.ts';
import { assertFails } from '../../support/driver/kubelet-client.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import type { StoredObject } from '../../support/kube-api/resources.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

describe('a volume whose connector needs approval', () => {
  let cluster: ApprovalCluster;
  let volume: TestVolume;

  beforeEach(async () => {
    cluster = started(await ApprovalCluster.start());
    volume = cluster.node.volume();
  });

  const onlyRequest = async (): Promise<StoredObject> => {
    const [request] = await cluster.controller.requested();
    await cluster.controller.watched();
    return request!;
  };
  const approve = async (published: Promise<void>): Promise<() => void> => {
    const revoke = cluster.controller.grant(await onlyRequest(), volume.pod, harbor);
    await published;
    return revoke;
  };
  const noWatchIsLeft = (): Promise<void> =>
    eventually('no request is watched', () => cluster.api.openWatches('accessrequests') === 0);

  it('is mounted whole once it is granted, and not touched before', async () => {
    const published = cluster.publish(volume);
    const request = await onlyRequest();
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    assert.equal(await cluster.metric('connectors_csi_approvals_waiting'), 1);
    cluster.controller.grant(request, volume.pod, harbor);
    await published;
    assert.equal(volume.read()['context.token'], volume.token);
    assert.equal(await cluster.metric('connectors_csi_approvals_waiting'), 0);
    await noWatchIsLeft();
  });

  it('holds nothing but the reason once it is rejected, also at the next refresh', async () => {
    const published = cluster.publish(volume);
    const request = await onlyRequest();
    cluster.controller.setConditions(request, rejected);
    await published;
    const files = volume.read();
    assert.deepEqual(Object.keys(files), ['.error.json']);
    const status = JSON.parse(files['.error.json'] ?? '') as Record<string, unknown>;
    assert.equal(status['code'], 7);
    assert.match(String(status['message']), /connector ci\/harbor was rejected: not on a Friday/);
    const types = (status['details'] as readonly Record<string, unknown>[]).map((detail) => detail['@type']);
    assert.deepEqual(types, [
      'type.googleapis.com/google.rpc.ResourceInfo',
      'type.googleapis.com/google.rpc.ErrorInfo',
    ]);
    const revision = volume.revision();
    await cluster.publish(volume);
    assert.equal(volume.revision(), revision);
    await cluster.driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  describe('and has been granted', () => {
    let revoke: () => void;
    let files: Record<string, string>;

    beforeEach(async () => {
      revoke = await approve(cluster.publish(volume));
      files = volume.read();
    });

    it('keeps its files, and says why, when the permission is withdrawn', async () => {
      revoke();
      cluster.clockAheadMs += 60_000;
      await assertFails(
        cluster.publish(volume),
        'UNAVAILABLE',
        /^refresh failed, the mounted files are kept: UNAVAILABLE: approval .* says granted, but .* still cannot/,
      );
      assert.deepEqual(volume.read(), files);
    });

    it('keeps its files, and says why, when the permission was cleaned up', async () => {
      revoke();
      cluster.controller.setConditions(cluster.controller.requests[0]!, granted, cleanedUp);
      cluster.clockAheadMs += 60_000;
      const kept = /^refresh failed, the mounted files are kept: FAILED_PRECONDITION: the approval of this pod .* over/;
      await assertFails(cluster.publish(volume), 'UNAVAILABLE', kept);
      assert.deepEqual(volume.read(), files);
    });

    it('is refreshed by a driver that has started anew, without another request', async () => {
      await cluster.stopDriver();
      await cluster.startDriver();
      volume.renewToken();
      await cluster.publish(volume);
      assert.equal(volume.read()['context.token'], volume.token);
      assert.equal(cluster.api.count({ verb: 'create', resource: 'accessrequests' }), 1);
    });
  });
});

describe('a node full of volumes that wait for approval', () => {
  let cluster: ApprovalCluster;

  it('still publishes others, though few may be published at once', async () => {
    cluster = started(await ApprovalCluster.start(['--max-concurrent-publishes', '2']));
    const waiting = Array.from({ length: 5 }, (_, index) => cluster.node.volume({ name: `waiting-${index}` }));
    const published = waiting.map((each) => cluster.publish(each));
    await cluster.controller.watched(waiting.length);
    const other = cluster.node.volume({ serviceAccountName: 'deployer', name: 'other' });
    cluster.api.bind({
      serviceAccount: 'ci/deployer',
      rules: [{ verbs: ['*'], apiGroups: ['connectors.alauda.io'], resources: ['connectors', 'connectors/proxy'] }],
    });
    await cluster.publish(other);
    assert.equal(other.isMounted(), true);
    assert.equal(await cluster.metric('connectors_csi_approvals_waiting'), 5);
    for (const each of waiting) {
      const request = cluster.controller.requests.find(({ metadata }) => metadata.name.startsWith(`${each.pod.name}-`));
      cluster.controller.grant(request!, each.pod, harbor);
    }
    await Promise.all(published);
    assert.ok(waiting.every((each) => each.isMounted()));
  });

  it('tells the kubelet to come again when nobody has decided in time', async () => {
    cluster = started(await ApprovalCluster.start(['--approval-wait', '100ms']));
    const volume = cluster.node.volume();
    const message = await assertFails(cluster.publish(volume), 'UNAVAILABLE', /^waiting for approval build-pod-\w+ /);
    const [request] = cluster.controller.requests;
    assert.ok(message.includes(request!.metadata.name));
    assert.deepEqual(fs.readdirSync(volume.parent), ['vol_data.json']);
    cluster.controller.grant(request!, volume.pod, harbor);
    await cluster.publish(volume);
    assert.equal(volume.isMounted(), true);
  });
});
