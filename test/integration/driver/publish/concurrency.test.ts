import assert from 'node:assert/strict';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import { Gate } from '../../../support/driver/gate.ts';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { assertFails } from '../../../support/driver/kubelet-client.ts';
import { connector } from '../../../support/driver/manifests.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import type { TestVolume } from '../../../support/driver/test-volume.ts';
import { override } from '../../../support/override.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';

describe('calls for one volume', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  let gate: Gate;
  let volume: TestVolume;
  beforeEach(async () => {
    node = started(new NodeSandbox());
    gate = new Gate();
    driver = started(
      await InProcessDriver.start(node, {
        replace: ({ source }) => ({
          source: override(source, {
            resolve: async (refs, call) => {
              if (!refs.every(({ name }) => name === 'quick')) await gate.pass(call.signal);
              return source.resolve(refs, call);
            },
          }),
        }),
      }),
    );
    volume = node.volume();
  });
  afterEach(() => gate.open());

  const assertNothingLeft = (): void => {
    assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
    assert.deepEqual(node.mounts(), []);
  };

  it('do not let an older publish, held up on its way, overwrite what a newer one has written', async () => {
    const proxyOfQuick = 'quick.example:8080';
    node.writeManifest('quick.json', connector('quick', { proxyUrl: `http://${proxyOfQuick}` }));
    const isOfQuick = (): boolean => (volume.read()['.env'] ?? '').includes(proxyOfQuick);
    const older = driver.kubelet.publishVolume(volume);
    await gate.untilWaiting(1);
    const newer = volume.publishRequest({ attributes: { connectors: 'quick' } });
    const [attempt] = await Promise.allSettled([driver.kubelet.publish(newer)]);
    gate.open();
    await older;
    assert.equal(isOfQuick(), attempt.status === 'fulfilled', 'what had succeeded was undone');
    await driver.kubelet.publish(newer);
    assert.ok(isOfQuick());
  });

  it('refuse a publish of another id at the same target while one runs', async () => {
    const first = driver.kubelet.publishVolume(volume);
    await gate.untilWaiting(1);
    const other = volume.publishRequest({ fields: { volume_id: 'csi-other' } });
    await assertFails(driver.kubelet.publish(other), 'ABORTED', /still running/);
    gate.open();
    await first;
  });

  it('end a waiting publish when the volume is unpublished, and it never mounts afterwards', async () => {
    const publishing = assertFails(
      driver.kubelet.publishVolume(volume),
      'ABORTED',
      /^the volume is being unpublished$/,
    );
    await gate.untilWaiting(1);
    await driver.kubelet.unpublishVolume(volume);
    await publishing;
    gate.open();
    assertNothingLeft();
    await driver.kubelet.publishVolume(volume);
    assert.ok(volume.isMounted());
  });

  it('end at their deadline, and the next publish succeeds', async () => {
    // Long enough for the call to reach the driver on a busy machine.
    const publishing = driver.kubelet.publishVolume(volume, {}, { timeoutMs: 5000 });
    await gate.untilWaiting(1);
    await assertFails(publishing, 'DEADLINE_EXCEEDED', /.*/);
    await eventually('the driver has given up too', () => driver.log.includes('"code":"DEADLINE_EXCEEDED"'));
    assertNothingLeft();
    gate.open();
    await driver.kubelet.publishVolume(volume);
    assert.ok(volume.isMounted());
  });
});

describe('a volume that the kernel is slow to unmount', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  let gate: Gate;
  beforeEach(async () => {
    node = started(new NodeSandbox());
    gate = new Gate();
    const syscalls = loadSyscalls();
    driver = started(
      await InProcessDriver.start(node, {
        syscalls: override(syscalls, {
          umount2InThread: async (target, flags) => {
            await gate.pass(new AbortController().signal);
            return syscalls.umount2InThread(target, flags);
          },
        }),
      }),
    );
  });
  afterEach(() => gate.open());

  it('holds up no other volume, nor its own statistics', async () => {
    const [slow, other] = [node.volume(), node.volume()];
    await driver.kubelet.publishVolume(slow);
    const unpublishing = driver.kubelet.unpublishVolume(slow);
    await gate.untilWaiting(1);
    await driver.kubelet.publishVolume(other);
    assert.equal(other.read()['context.token'], other.token);
    const call = { volume_id: slow.volumeId, volume_path: slow.target };
    await driver.kubelet.statistics(call);
    gate.open();
    await unpublishing;
    assert.deepEqual(slow.kubeletEntries(), ['vol_data.json']);
    await assertFails(driver.kubelet.statistics(call), 'NOT_FOUND', /is not a published volume/);
  });

  it('is kept from a publish until it is gone', async () => {
    const volume = node.volume();
    await driver.kubelet.publishVolume(volume);
    const unpublishing = driver.kubelet.unpublishVolume(volume);
    await gate.untilWaiting(1);
    await assertFails(driver.kubelet.publishVolume(volume), 'UNAVAILABLE', /still running/);
    gate.open();
    await unpublishing;
    assert.deepEqual(node.mounts(), []);
    await driver.kubelet.publishVolume(volume);
    assert.ok(volume.isMounted());
  });

  it('goes together with many others', async () => {
    const volumes = Array.from({ length: 12 }, () => node.volume());
    for (const volume of volumes) await driver.kubelet.publishVolume(volume);
    const unpublishing = volumes.map((volume) => driver.kubelet.unpublishVolume(volume));
    await gate.untilWaiting(volumes.length);
    gate.open();
    await Promise.all(unpublishing);
    assert.deepEqual(node.mounts(), []);
    for (const volume of volumes) assert.deepEqual(volume.kubeletEntries(), ['vol_data.json']);
  });
});

describe('calls for many volumes', () => {
  let node: NodeSandbox;
  beforeEach(() => {
    node = started(new NodeSandbox());
  });

  it('that queue beyond their deadline are refused as one too many, and do not disturb the one that works', async () => {
    const gate = new Gate();
    const driver = started(
      await InProcessDriver.start(node, {
        flags: ['--max-concurrent-publishes', '1'],
        replace: ({ source }) => ({
          source: override(source, {
            resolve: async (refs, call) => (await gate.pass(call.signal), source.resolve(refs, call)),
          }),
        }),
      }),
    );
    const volume = node.volume();
    const working = driver.kubelet.publishVolume(volume);
    await gate.untilWaiting(1);
    const queued = node.volume();
    const publishing = driver.kubelet.publishVolume(queued, {}, { toldMs: 3000 });
    await assertFails(publishing, 'RESOURCE_EXHAUSTED', /too many publishes at once on this node/);
    assert.deepEqual(queued.kubeletEntries(), ['vol_data.json']);
    gate.open();
    await working;
    await driver.kubelet.publishVolume(queued);
    assert.equal(node.mounts().length, 2);
  });

  it('that wait for something still to come take no place from those that can go on', async () => {
    const driver = started(
      await InProcessDriver.start(node, {
        flags: ['--max-concurrent-publishes', '1', '--not-found-wait', '60s'],
      }),
    );
    const late = node.volume();
    const waiting = driver.kubelet.publishVolume(late, { attributes: { connectors: 'late' } });
    await driver.kubelet.publishVolume(node.volume());
    assert.equal(late.isMounted(), false);
    node.writeManifest('late.json', connector('late'));
    await waiting;
    assert.ok(late.isMounted());
  });
});
