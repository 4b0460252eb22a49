import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { NodePublishVolumeRequest } from '../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import { DriverProcess } from '../support/driver/driver-process.ts';
import { assertFails } from '../support/driver/kubelet-client.ts';
import type { NodeSandbox } from '../support/driver/node-sandbox.ts';
import { driverForAll } from '../support/driver/suite-driver.ts';

describe('CSI Node', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  driverForAll(
    (made) => DriverProcess.start(made),
    (own) => ({ node, driver } = own),
  );

  it('says what it can do, and nothing that it cannot or that clients of CSI 1.12 do not know', async () => {
    const capabilities = await driver.kubelet.nodeCapabilities();
    assert.deepEqual(capabilities.sort(), ['GET_VOLUME_STATS', 'VOLUME_CONDITION', 'VOLUME_MOUNT_GROUP']);
  });

  it('has the node id that it was given', async () => {
    const { node_id: nodeId, accessible_topology: topology } = await driver.kubelet.nodeInfo();
    assert.equal(nodeId, 'node-1');
    assert.equal(topology, null);
  });

  const absent: readonly [string, NodePublishVolumeRequest][] = [
    ['volume_id', { volume_id: '' }],
    ['target_path', { target_path: '' }],
    ['volume_capability', { volume_capability: null }],
  ];
  for (const [field, fields] of absent) {
    it(`refuses a publish without ${field}`, async () => {
      const volume = node.volume();
      await assertFails(
        driver.kubelet.publishVolume(volume, { fields }),
        'INVALID_ARGUMENT',
        new RegExp(`^${field} is missing$`),
      );
      assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    });
  }

  it('refuses an unpublish without volume_id, without target_path, and without both', async () => {
    const { volumeId, target } = node.volume();
    const unpublish = (volume_id: string, target_path: string) => driver.kubelet.unpublish({ volume_id, target_path });
    await assertFails(unpublish('', target), 'INVALID_ARGUMENT', /^volume_id is missing$/);
    await assertFails(unpublish(volumeId, ''), 'INVALID_ARGUMENT', /^target_path is missing$/);
    await assertFails(unpublish('', ''), 'INVALID_ARGUMENT', /^volume_id is missing; target_path is missing$/);
  });

  it('removes the target path when it unpublishes, and nothing else', async () => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    assert.ok(existsSync(volume.target));
    await driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it('unpublishes what is not there: an unknown volume, a missing parent, a directory that is no mount, and twice', async () => {
    const volume = node.volume();
    await driver.kubelet.unpublishVolume(volume);
    await driver.kubelet.unpublish({
      volume_id: 'csi-unknown',
      target_path: path.join(node.kubeletDir, 'pods/a/b/mount'),
    });
    await driver.kubelet.publishVolume(volume);
    await driver.kubelet.unpublishVolume(volume);
    await driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it('refuses statistics without volume_id and without volume_path', async () => {
    const { volumeId, target } = node.volume();
    const statistics = (volume_id: string, volume_path: string) =>
      driver.kubelet.statistics({ volume_id, volume_path });
    await assertFails(statistics('', target), 'INVALID_ARGUMENT', /^volume_id is missing$/);
    await assertFails(statistics(volumeId, ''), 'INVALID_ARGUMENT', /^volume_path is missing$/);
  });

  it('has no statistics of an unknown volume or at a path where it is not', async () => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    const paths = ['some/path', '/nowhere', node.volume().target, volume.parent];
    for (const volume_path of paths) {
      await assertFails(
        driver.kubelet.statistics({ volume_id: volume.volumeId, volume_path }),
        'NOT_FOUND',
        /published/,
      );
    }
    await assertFails(
      driver.kubelet.statistics({ volume_id: 'csi-unknown', volume_path: volume.target }),
      'NOT_FOUND',
      /csi-unknown/,
    );
  });

  it('publishes, gives bytes and inodes with a condition, and unpublishes', async () => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    const { usage, volume_condition: condition } = await driver.kubelet.statistics({
      volume_id: volume.volumeId,
      volume_path: volume.target,
    });
    assert.deepEqual(
      usage.map(({ unit }) => unit),
      ['BYTES', 'INODES'],
    );
    for (const { total, used, available } of usage) {
      assert.ok(used > 0);
      assert.equal(used + available, total);
    }
    assert.equal(usage[0]?.total, 120 << 10);
    assert.deepEqual(condition, { abnormal: false, message: 'published and current' });
    await driver.kubelet.unpublishVolume(volume);
    assert.equal(volume.isMounted(), false);
  });

  it('publishes ten times as it does once', async () => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    const before = { files: volume.read(), revision: volume.revision(), mounts: node.mounts() };
    for (let time = 2; time <= 10; time += 1) await driver.kubelet.publishVolume(volume);
    assert.deepEqual({ files: volume.read(), revision: volume.revision(), mounts: node.mounts() }, before);
    await driver.kubelet.unpublishVolume(volume);
    assert.equal(volume.isMounted(), false);
  });

  it('leaves staging and expansion unimplemented', async () => {
    const calls = [
      driver.kubelet.node((client, options, done) => client.nodeStageVolume({}, options, done)),
      driver.kubelet.node((client, options, done) => client.nodeUnstageVolume({}, options, done)),
      driver.kubelet.node((client, options, done) => client.nodeExpandVolume({}, options, done)),
    ];
    for (const call of calls) await assertFails(call, 'UNIMPLEMENTED', /ephemeral inline volumes only/);
  });
});
