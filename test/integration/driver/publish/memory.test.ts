import assert from 'node:assert/strict';
import type { NodePublishVolumeRequest__Output } from '../../../../src/driver/csi/generated/csi/v1/NodePublishVolumeRequest.ts';
import { memoryOfRequest } from '../../../../src/driver/publish/volume-memory.ts';
import { driverLimits } from '../../../../src/driver/limits.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { started } from '../../../support/started.ts';

const MiB = 2 ** 20;
const reserveBytes = 160 * MiB;
const bundle = `-----BEGIN CERTIFICATE-----\n${'QUFB'.repeat(56_000)}\n-----END CERTIFICATE-----\n`;

describe('the memory of a node', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  beforeEach(() => {
    node = started(new NodeSandbox());
    node.writeManifest('harbor.json', connector('harbor', { caCerts: bundle }));
  });

  const start = async (volumeMiB: number): Promise<void> => {
    driver = started(await InProcessDriver.start(node, { memoryLimitBytes: reserveBytes + volumeMiB * MiB }));
  };
  const requestOf = (volume: TestVolume) => volume.publishRequest({ attributes: { connectors: 'ci/harbor' } });
  const publish = (volume: TestVolume) => driver.kubelet.publish(requestOf(volume));
  /** Of a pod and a namespace of its own. */
  const volumeOf = (namespace: string) => node.volume({ namespace });

  it('is refused to a volume that it has no room for, and nothing of that is left', async () => {
    await start(8.6);
    const volumes = Array.from({ length: 10 }, (_, n) => volumeOf(`team-${n}`));
    for (const volume of volumes) await publish(volume);
    const more = volumeOf('late');
    await assertFails(publish(more), 'RESOURCE_EXHAUSTED', /^no memory for volumes on this node: its 10 volumes/);
    assert.deepEqual(more.kubeletEntries(), ['vol_data.json']);
    assert.equal(node.mounts().length, volumes.length);
    assert.match(
      await driver.driver.metrics.text(),
      /limit_rejections_total\{limit="volume_memory_bytes",scope="node"\} 1/,
    );

    await driver.kubelet.unpublishVolume(volumes[0]!);
    await publish(more);
    assert.equal(more.read()['ca.crt'], bundle);
  });

  it('is not asked of volumes that are refreshed and do not grow, also by a driver that starts above its limit', async () => {
    await start(40);
    const volumes = Array.from({ length: 10 }, (_, n) => volumeOf(`team-${n}`));
    for (const volume of volumes) await publish(volume);
    await driver.stop();

    await start(1);
    assert.match(driver.log, /Volumes exceed the memory budget/);
    const more = volumeOf('late');
    await assertFails(publish(more), 'RESOURCE_EXHAUSTED', /^no memory for volumes on this node/);
    for (const volume of volumes) {
      for (const round of [1, 2, 3]) {
        volume.renewToken();
        await publish(volume);
        assert.equal(volume.read()['context.token'], volume.token, `round ${round}`);
      }
    }
    for (const volume of volumes) await driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(node.mounts(), []);
    assert.match(await driver.driver.metrics.text(), /limit_used\{limit="volume_memory_bytes"\} 0\n/);
  });

  it('is counted for the namespace of a volume from before once the kubelet calls for it, also in vain', async () => {
    await start(24);
    const volumes = Array.from({ length: 10 }, () => volumeOf('evil'));
    for (const volume of volumes) await publish(volume);
    await driver.stop();

    await start(24);
    const others = Array.from({ length: 12 }, () => volumeOf('team'));
    const publishOthers = async (): Promise<void> => {
      for (const volume of others) await publish(volume);
    };
    await assertFails(publishOthers(), 'RESOURCE_EXHAUSTED', /, and volumes of an earlier driver \d/);
    for (const volume of volumes)
      await assertFails(driver.kubelet.publishVolume(volume, { attributes: {} }), 'UNAVAILABLE', /^refresh failed/);
    await publishOthers();
  });

  it('is not taken by a refresh that would grow beyond it, which keeps what is mounted', async () => {
    node.writeManifest('harbor.json', connector('harbor'));
    await start(3);
    const volumes = Array.from({ length: 5 }, (_, n) => volumeOf(`team-${n}`));
    for (const volume of volumes) await publish(volume);
    node.writeManifest('harbor.json', connector('harbor', { caCerts: bundle }));
    const token = volumes[0]!.read()['context.token'];
    await assertFails(publish(volumes[0]!), 'UNAVAILABLE', /RESOURCE_EXHAUSTED: the volumes of pod team-0\/build-pod/);
    assert.equal(volumes[0]!.read()['context.token'], token);
    assert.equal(volumes[0]!.read()['ca.crt'], undefined);
  });

  it('is counted by the next driver as by this one, also when both revisions of a volume have nothing in common', async () => {
    const heldBytes = async (): Promise<number> =>
      Number(/limit_used\{limit="volume_memory_bytes"\} (\d+)/.exec(await driver.driver.metrics.text())?.[1]);
    await start(40);
    const volumes = Array.from({ length: 3 }, (_, n) => volumeOf(`team-${n}`));
    for (const volume of volumes) await publish(volume);
    node.writeManifest('harbor.json', connector('harbor', { caCerts: bundle.replaceAll('QUFB', 'QkJC') }));
    for (const volume of volumes) await publish(volume);
    const held = await heldBytes();
    assert.ok(held > 3 * 2 * bundle.length);
    await driver.stop();

    await start(40);
    const [requestBytes] = volumes.map(
      (volume) => 2 * memoryOfRequest({ secrets: {}, ...requestOf(volume) } as NodePublishVolumeRequest__Output),
    );
    assert.equal(await heldBytes(), held + 3 * (driverLimits.volumeMemory.refreshBytes - (requestBytes ?? 0)));
    for (const volume of volumes) await publish(volume);
    assert.equal(await heldBytes(), held);
  });
});
