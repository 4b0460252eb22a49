import assert from 'node:assert/strict';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { portOfLog } from '../../../support/log-lines.ts';
import { started } from '../../../support/started.ts';

const mountFlags = { BIND: 4096, PRIVATE: 1 << 18, SHARED: 1 << 20 } as const;

describe('a driver whose mounts nobody else would see', () => {
  const syscalls = loadSyscalls();
  let node: NodeSandbox;
  let driver: InProcessDriver;
  const start = async (): Promise<void> => {
    driver = started(
      await InProcessDriver.start(node, {
        flags: ['--skip-propagation-check=false', '--http-address', '127.0.0.1:0'],
      }),
    );
  };
  const propagate = (kind: keyof typeof mountFlags): unknown =>
    syscalls.mount(node.kubeletDir, node.kubeletDir, '', mountFlags[kind], '');
  const ready = () => fetch(`http://127.0.0.1:${portOfLog(driver.log)}/readyz`);
  beforeEach(() => {
    node = started(new NodeSandbox());
    propagate('BIND');
  });

  it('says so in the log, is not ready, and mounts no volume', async () => {
    propagate('PRIVATE');
    await start();
    assert.match(driver.log, /"reason":"the mount at \S+ is not shared.*Bidirectional/);
    const response = await ready();
    assert.equal(response.status, 503);
    assert.match(await response.text(), /is not shared/);
    const volume = node.volume();
    await assertFails(
      driver.kubelet.publishVolume(volume),
      'FAILED_PRECONDITION',
      /^the mount at \S+ is not shared, so that no pod would see .*mountPropagation: Bidirectional/,
    );
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it('goes on refreshing and unpublishing what was mounted before', async () => {
    propagate('SHARED');
    await start();
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    await driver.stop();
    propagate('PRIVATE');
    await start();
    volume.renewToken();
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.read()['context.token'], volume.token);
    await driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });

  it('mounts as soon as they are shared', async () => {
    propagate('PRIVATE');
    await start();
    const volume = node.volume();
    await assertFails(driver.kubelet.publishVolume(volume), 'FAILED_PRECONDITION', /not shared/);
    propagate('SHARED');
    await driver.kubelet.publishVolume(volume);
    assert.ok(volume.isMounted());
    assert.match(await (await ready()).text(), /^the kubelet has not registered/);
  });
});
