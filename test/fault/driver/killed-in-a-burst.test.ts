import assert from 'node:assert/strict';
import fs from 'node:fs';
import { DriverProcess } from '../../support/driver/driver-process.ts';
import { NodeSandbox } from '../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../support/driver/test-volume.ts';
import { assertWhole } from '../../support/driver/whole-volume.ts';
import { eventually } from '../../support/poll.ts';
import { started } from '../../support/started.ts';

const burstSize = 40;

describe('a driver that is killed while a burst publishes', function () {
  let node: NodeSandbox;
  beforeEach(() => {
    node = started(new NodeSandbox());
  });

  for (const mounted of [0, 13, burstSize - 1]) {
    it(`after ${mounted} mounts leaves each volume whole or absent, and its successor completes them all`, async () => {
      const volumes = Array.from({ length: burstSize }, () => node.volume());
      const first = await DriverProcess.start(node);
      const calls = volumes.map((volume) => first.kubelet.publishVolume(volume));
      const settled = Promise.allSettled(calls);
      await eventually('so many are mounted', () => node.mounts().length >= mounted);
      await first.killed();
      const outcomes = await settled;

      volumes.forEach((volume, index) => {
        if (outcomes[index]?.status === 'fulfilled') assert.ok(volume.isMounted());
        if (volume.isMounted()) assertWhole(volume);
        else if (fs.existsSync(volume.target)) assert.deepEqual(fs.readdirSync(volume.target), []);
      });

      const second = await DriverProcess.start(node);
      await Promise.all(volumes.map((volume) => second.kubelet.publishVolume(volume)));
      for (const volume of volumes) assertWhole(volume);
      assert.equal(node.mounts().length, burstSize);
      await Promise.all(volumes.map((volume) => second.kubelet.unpublishVolume(volume)));
      for (const volume of volumes) assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
      assert.deepEqual(node.mounts(), []);
      await second.stop();
    });
  }

  it('with renewed tokens leaves every volume one revision, old or new, and its successor makes all new', async () => {
    const volumes = Array.from({ length: burstSize }, () => node.volume());
    let driver = await DriverProcess.start(node);
    await Promise.all(volumes.map((volume) => driver.kubelet.publishVolume(volume)));
    const mounts = node.mounts();
    for (let round = 0; round < 3; round += 1) {
      const old = volumes.map(({ token }) => token);
      const calls = volumes.map((volume) => {
        volume.renewToken();
        return driver.kubelet.publishVolume(volume);
      });
      const settled = Promise.allSettled(calls);
      const isRenewed = (volume: TestVolume) => volume.read()['context.token'] === volume.token;
      await eventually('the first volumes are renewed', () => volumes.filter(isRenewed).length > round * 5);
      await driver.killed();
      await settled;
      volumes.forEach((volume, index) => assertWhole(volume, [old[index]!, volume.token]));
      driver = await DriverProcess.start(node);
      await Promise.all(volumes.map((volume) => driver.kubelet.publishVolume(volume)));
      assert.ok(volumes.every(isRenewed));
      assert.deepEqual(node.mounts(), mounts);
    }
    await driver.stop();
  });
});
