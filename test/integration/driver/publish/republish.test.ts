import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { DriverProcess } from '../../../support/driver/driver-process.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { tokenFor } from '../../../support/driver/tokens.ts';
import { wrapSyscalls } from '../../../support/host/syscall-wrapper.ts';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import { unmount } from '../../../support/mounts.ts';
import { started } from '../../../support/started.ts';

/** Everything that a write of any kind would change. */
function snapshot(volume: TestVolume): unknown {
  return fs
    .readdirSync(volume.target, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { ino, mtimeMs, ctimeMs } = fs.lstatSync(path.join(volume.target, name));
      return [name, ino, mtimeMs, ctimeMs];
    });
}

describe('a volume that is published again', () => {
  let node: NodeSandbox;
  let driver: DriverProcess;
  let volume: TestVolume;
  before(async () => {
    node = new NodeSandbox();
    driver = await DriverProcess.start(node);
  });
  after(async () => {
    await driver.stop();
    node.remove();
  });
  beforeEach(async () => {
    volume = node.volume();
    await driver.kubelet.publishVolume(volume);
  });
  afterEach(async () => {
    node.writeManifest('harbor.json', connector('harbor'));
    await driver.kubelet.unpublishVolume(volume);
  });

  const condition = async () =>
    (await driver.kubelet.statistics({ volume_id: volume.volumeId, volume_path: volume.target })).volume_condition;

  it('with a renewed token is rewritten in place, in the same mount', async () => {
    const mounts = node.mounts();
    const old = volume.revision();
    volume.renewToken();
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.read()['context.token'], volume.token);
    assert.notEqual(volume.revision(), old);
    assert.deepEqual(node.mounts(), mounts);
  });

  it('after a manifest changed has the new address at once, and the old one never again', async () => {
    node.writeManifest('harbor.json', connector('harbor', { proxyUrl: 'https://moved.example/x' }));
    await driver.kubelet.publishVolume(volume);
    assert.match(volume.read()['http.proxy'] ?? '', /@moved\.example:\d+$/);
  });

  it('after a manifest was touched without a change is not rewritten', async () => {
    const revision = volume.revision();
    node.writeManifest('harbor.json', connector('harbor'));
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.revision(), revision);
  });

  it('is adopted by a driver that was started anew, and not rewritten', async () => {
    for (const end of ['stop', 'killed'] as const) {
      await driver[end]();
      assert.ok(volume.isMounted());
      driver = await DriverProcess.start(node);
      assert.deepEqual(await condition(), { abnormal: false, message: 'published before the driver started' });
      const before = { snapshot: snapshot(volume), mounts: node.mounts() };
      await driver.kubelet.publishVolume(volume);
      assert.deepEqual({ snapshot: snapshot(volume), mounts: node.mounts() }, before);
    }
    await driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(node.mounts(), []);
  });

  it('can be unpublished by a driver that has never heard of it', async () => {
    await driver.killed();
    driver = await DriverProcess.start(node);
    await driver.kubelet.unpublishVolume(volume);
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    assert.deepEqual(node.mounts(), []);
  });

  it('is mounted anew after a reboot, when its tmpfs is gone and its directory is not', async () => {
    unmount(volume.target);
    assert.equal(volume.isMounted(), false);
    await driver.kubelet.publishVolume(volume);
    assert.equal(volume.read()['context.token'], volume.token);
    assert.equal(node.mounts().length, 1);
  });

  const broken: readonly [string, () => Parameters<TestVolume['publishRequest']>[0], RegExp][] = [
    ['is malformed', () => ({ attributes: { conectors: 'harbor' } }), /INVALID_ARGUMENT: unknown attribute/],
    ['is not read-only', () => ({ fields: { readonly: false } }), /INVALID_ARGUMENT: the volume must be read-only/],
    [
      'has no pod information',
      () => ({ context: { 'csi.storage.k8s.io/pod.uid': undefined } }),
      /FAILED_PRECONDITION: /,
    ],
    ['has no token', () => ({ token: null }), /FAILED_PRECONDITION: the kubelet passed no token/],
    ['names a connector that is gone', () => ({ attributes: { connectors: 'gone' } }), /NOT_FOUND: connector ci\/gone/],
    ['has an expired token', () => ({ token: tokenFor(volume.pod, { expiresIn: -5 }) }), /UNAVAILABLE: the token that/],
    ["has another pod's token", () => ({ token: node.volume().token }), /PERMISSION_DENIED: the passed token/],
    [
      'has another group',
      () => ({ fields: { volume_capability: { mount: { volume_mount_group: '7' } } } }),
      /ALREADY_EXISTS: the volume is already published with another/,
    ],
  ];
  for (const [what, changes, message] of broken) {
    it(`by a request that ${what} keeps its files and gets UNAVAILABLE with the cause`, async () => {
      const before = { snapshot: snapshot(volume), mounts: node.mounts() };
      await assertFails(driver.kubelet.publishVolume(volume, changes()), 'UNAVAILABLE', message);
      assert.deepEqual({ snapshot: snapshot(volume), mounts: node.mounts() }, before);
    });
  }

  it('under another volume id is refused with ALREADY_EXISTS, and stays', async () => {
    const before = snapshot(volume);
    const fields = { volume_id: 'csi-other' };
    await assertFails(
      driver.kubelet.publishVolume(volume, { fields }),
      'ALREADY_EXISTS',
      /^target path holds another volume: csi-[0-9a-f]{64}$/,
    );
    assert.deepEqual(snapshot(volume), before);
  });

  it('has an abnormal condition while refreshing fails, and a normal one after it succeeded', async () => {
    node.removeManifest('harbor.json');
    await assertFails(driver.kubelet.publishVolume(volume), 'UNAVAILABLE', /NOT_FOUND/);
    const failing = await condition();
    assert.equal(failing?.abnormal, true);
    assert.match(
      failing.message,
      /^refreshing has failed since \d{4}-.*: NOT_FOUND: connector ci\/harbor does not exist/,
    );
    node.writeManifest('harbor.json', connector('harbor'));
    await driver.kubelet.publishVolume(volume);
    assert.deepEqual(await condition(), { abnormal: false, message: 'published and current' });
  });
});

describe('a republish', () => {
  let node: NodeSandbox;
  beforeEach(() => {
    node = started(new NodeSandbox());
  });

  it('with nothing new makes two system calls, and an unpublish makes few', async () => {
    const calls: string[] = [];
    const syscalls = wrapSyscalls(loadSyscalls(), (call) => void calls.push(call));
    const driver = started(await InProcessDriver.start(node, { syscalls }));
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    calls.length = 0;
    await driver.kubelet.publishVolume(volume);
    assert.deepEqual(calls, ['openat', 'close']);
    calls.length = 0;
    await driver.kubelet.unpublishVolume(volume);
    assert.ok(calls.length <= 18, calls.join(' '));
  });

  it('with a token that expired since has an abnormal condition that says when', async () => {
    let now = Date.now();
    const driver = started(await InProcessDriver.start(node, { now: () => now }));
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    now += 31 * 60_000;
    const { volume_condition: condition } = await driver.kubelet.statistics({
      volume_id: volume.volumeId,
      volume_path: volume.target,
    });
    assert.equal(condition?.abnormal, true);
    assert.match(condition.message, /^the token expired at \d{4}-/);
  });
});
