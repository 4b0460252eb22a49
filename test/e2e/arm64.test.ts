import assert from 'node:assert/strict';
import { DriverProcess } from '../support/driver/driver-process.ts';
import { NodeSandbox } from '../support/driver/node-sandbox.ts';
import { Arm64, missingForArm64 } from '../support/e2e/arm64.ts';

describe('on arm64', function () {
  this.timeout(600_000);
  let arm64: Arm64;
  before(function () {
    const missing = missingForArm64();
    if (missing !== undefined) {
      console.log(`      skipped: ${missing}`);
      this.skip();
    }
    arm64 = new Arm64();
  });
  after(() => {
    // Absent where the suite was skipped.
    (arm64 as Arm64 | undefined)?.remove();
  });

  it('the driver publishes a volume, renews its token, tells its statistics and takes it away', async () => {
    const node = new NodeSandbox();
    // It cannot start itself anew: the kernel does not execute what is for another processor.
    const flags = ['--log-level', 'info'];
    const driver = new DriverProcess(node, flags, {}, [], [...arm64.node, arm64.main]);
    try {
      await driver.kubelet.untilReady(300_000);
      const volume = node.volume();
      await driver.kubelet.publishVolume(volume);
      const mounts = node.mounts();
      assert.match(mounts.join(), / rw,nosuid,nodev,noexec,relatime .*- tmpfs connectors-csi .*size=120k,.*mode=755/);
      volume.renewToken();
      await driver.kubelet.publishVolume(volume);
      assert.equal(volume.read()['context.token'], volume.token);
      assert.deepEqual(node.mounts(), mounts);
      const { usage } = await driver.kubelet.statistics({ volume_id: volume.volumeId, volume_path: volume.target });
      assert.deepEqual(
        usage.map(({ unit, total }) => [unit, total]),
        [
          ['BYTES', 120 << 10],
          ['INODES', 45],
        ],
      );
      await driver.kubelet.unpublishVolume(volume);
      assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
      assert.deepEqual(node.mounts(), []);
      assert.deepEqual(await driver.stop(), { status: 0, signal: null });
    } finally {
      driver.kill();
      node.remove();
    }
  });

  // Every system call of the host, with what it gives and takes.
  it('the host passes the tests that it passes on this architecture', async () => {
    const passed = await arm64.runTests('test/integration/driver/host/tmpfs-host.test.ts');
    assert.ok(passed >= 40, String(passed));
  });
});
