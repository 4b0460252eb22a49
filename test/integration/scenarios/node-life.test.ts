import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { connector } from '../../support/driver/manifests.js';
import { tokenFor } from '../../support/driver/tokens.js';
import { KubeletNode } from '../../support/kubelet/kubelet-node.js';
import {
  assertNodeIsCurrent,
  assertNodeIsEmpty,
  descriptorsOf,
  untilDescriptorsAre,
} from '../../support/kubelet/node-state.js';
import { unmountBelow } from '../../support/mounts.js';
import { eventually } from '../../support/poll.js';

const fullNode = 110;
const quick = { firstBackoffMs: 50, maxBackoffMs: 200 };

describe('the life of a node', function () {
  this.timeout(60_000);
  let node: KubeletNode;
  beforeEach(() => {
    node = new KubeletNode(quick);
  });
  afterEach(() => node.remove());

  const isCurrent = (address?: string): void => assertNodeIsCurrent(node.sandbox, node.kubelet, address);

  it('110 pods that start at once all get their files, and leave nothing', async () => {
    const { pid } = await node.startDriver();
    const descriptors = descriptorsOf(pid);
    node.runPods(fullNode);
    await node.kubelet.untilAllPublished();
    isCurrent();
    await untilDescriptorsAre(pid, descriptors);
    await node.kubelet.endAll();
    assertNodeIsEmpty(node.sandbox);
    await untilDescriptorsAre(pid, descriptors);
  });

  it('pods that start before the driver get their files when it has come', async () => {
    node.runPods(20);
    await eventually('each has failed', () => [...node.kubelet.pods].every(({ events }) => events.length > 0));
    await node.startDriver();
    await node.kubelet.untilAllPublished();
    isCurrent();
  });

  it('a restart of the kubelet with 110 volumes, its sockets gone, mounts nothing twice', async () => {
    const { pid } = await node.startDriver();
    const descriptors = descriptorsOf(pid);
    node.runPods(fullNode);
    await node.kubelet.untilAllPublished();
    const generations = [...node.kubelet.pods].map(({ volume }) => volume.generation());
    for (const emptiesRegistry of [false, true]) {
      const attempts = [...node.kubelet.pods].map((pod) => pod.attempts);
      await node.kubelet.restart({ emptiesRegistry });
      await node.kubelet.untilRegistered();
      await eventually('all are answered', () =>
        [...node.kubelet.pods].every((pod, index) => pod.isPublishedSince(attempts[index] ?? 0)),
      );
      isCurrent();
    }
    assert.deepEqual(
      [...node.kubelet.pods].map(({ volume }) => volume.generation()),
      generations,
    );
    await untilDescriptorsAre(pid, descriptors);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`drivers that are replaced with ${signal} while pods come and go take over what is mounted`, async () => {
      await node.startDriver();
      node.runPods(30);
      await node.kubelet.untilAllPublished();
      for (let round = 0; round < 3; round += 1) {
        const old = [...node.kubelet.pods].slice(0, 10);
        node.kubelet.renewTokens();
        node.kubelet.eventForAll();
        node.runPods(10);
        const ending = Promise.all(old.map((pod) => node.kubelet.end(pod)));
        await node.replaceDriver(signal);
        await ending;
        await node.kubelet.untilAllPublishedAgain();
        isCurrent();
      }
      await node.kubelet.endAll();
      assertNodeIsEmpty(node.sandbox);
    });
  }

  it('a reboot that leaves the directories without their tmpfs gets every volume mounted again', async () => {
    await node.startDriver();
    node.runPods(20);
    await node.kubelet.untilAllPublished();
    await node.kubelet.stop();
    await node.driver.killed();
    unmountBelow(node.sandbox.kubeletDir);
    const [first] = node.kubelet.pods;
    assert.deepEqual(fs.readdirSync(first!.volume.target), []);
    node.kubelet.start();
    await node.startDriver();
    await node.kubelet.untilAllPublishedAgain();
    isCurrent();
  });

  it('a connector that is edited, deleted and made again reaches every volume, and is missed by none', async () => {
    await node.startDriver();
    node.runPods(20);
    await node.kubelet.untilAllPublished();
    const moved = 'http://moved.example:3128/ci/harbor';
    node.sandbox.writeManifest('harbor.json', connector('harbor', { proxyUrl: moved }));
    await node.kubelet.untilAllPublishedAgain();
    isCurrent(moved);
    node.sandbox.removeManifest('harbor.json');
    node.kubelet.eventForAll();
    const isToldWhy = (message: string | undefined): boolean =>
      message?.includes('UNAVAILABLE: refresh failed, the mounted files are kept: NOT_FOUND: connector ci/harbor') ??
      false;
    await eventually('each pod is told', () => [...node.kubelet.pods].every(({ events }) => isToldWhy(events.at(-1))));
    isCurrent(moved);
    const back = 'http://back.example:3128/ci/harbor';
    node.sandbox.writeManifest('harbor.json', connector('harbor', { proxyUrl: back }));
    await node.kubelet.untilAllPublishedAgain();
    isCurrent(back);
  });

  it('20 rotations of every token rewrite the files in place', async () => {
    const { pid } = await node.startDriver();
    const descriptors = descriptorsOf(pid);
    node.runPods(20);
    await node.kubelet.untilAllPublished();
    const mounts = node.sandbox.mounts();
    for (let rotation = 0; rotation < 20; rotation += 1) {
      const before = [...node.kubelet.pods].map(({ volume }) => volume.token);
      node.kubelet.renewTokens();
      await node.kubelet.untilAllPublishedAgain();
      assert.ok([...node.kubelet.pods].every(({ volume }, index) => volume.token !== before[index]));
    }
    isCurrent();
    assert.deepEqual(node.sandbox.mounts(), mounts);
    await untilDescriptorsAre(pid, descriptors);
  });

  it('a volume of another layout is brought to this one, with the mount and its readers kept', async () => {
    await node.startDriver();
    node.runPods(4);
    await node.kubelet.untilAllPublished();
    await node.driver.killed();
    const mounts = node.sandbox.mounts();
    for (const { volume } of node.kubelet.pods) makeOlderLayout(volume.target);
    await node.startDriver();
    await node.kubelet.untilAllPublishedAgain();
    isCurrent();
    assert.deepEqual(node.sandbox.mounts(), mounts);
    const [first] = node.kubelet.pods;
    const modes = fs.readdirSync(path.join(first!.volume.target, '..data')).map((name) => {
      return fs.statSync(path.join(first!.volume.target, name)).mode & 0o777;
    });
    assert.deepEqual([...new Set(modes)], [0o444]);
    await node.kubelet.endAll();
    assertNodeIsEmpty(node.sandbox);
  });
});

describe('a call that the kubelet gives up', function () {
  this.timeout(30_000);

  it('leaves the volume to the next one, which is not confused by the first', async () => {
    const node = new KubeletNode({ ...quick, callTimeoutMs: 400 });
    try {
      await node.startDriver('--not-found-wait', '60s');
      const pod = node.kubelet.run(node.sandbox.unpreparedVolume(), { connectors: 'harbor,late' });
      await eventually('two calls were given up', () => pod.events.length >= 2);
      assert.deepEqual(node.sandbox.mounts(), []);
      node.sandbox.writeManifest('late.json', connector('late'));
      await node.kubelet.untilAllPublished();
      assert.equal(node.sandbox.mounts().length, 1);
      assert.equal(pod.volume.read()['context.token'], pod.volume.token);
      const never = node.kubelet.run(node.sandbox.unpreparedVolume(), { connectors: 'never' });
      await eventually('it waits', () => never.attempts > 0);
      await node.kubelet.end(never);
      assert.equal(node.sandbox.mounts().length, 1);
    } finally {
      await node.remove();
    }
  });
});

describe("a node whose clock is ahead of the API server's", function () {
  this.timeout(30_000);

  it('keeps its files while all tokens seem expired, and goes on when they do not', async () => {
    let expiresIn = 1800;
    const issue = (owner: Parameters<typeof tokenFor>[0]): string => tokenFor(owner, { expiresIn });
    const node = new KubeletNode({ ...quick, issue });
    try {
      await node.startDriver();
      node.runPods(5);
      await node.kubelet.untilAllPublished();
      const pods = [...node.kubelet.pods];
      const files = pods.map(({ volume }) => volume.read());
      expiresIn = -60;
      node.kubelet.renewTokens();
      node.kubelet.eventForAll();
      const late = node.kubelet.run(node.sandbox.unpreparedVolume());
      await eventually('all are told', () =>
        [...pods, late].every(({ events }) => /UNAVAILABLE: .*expired/.test(events.at(-1) ?? '')),
      );
      assert.deepEqual(
        pods.map(({ volume }) => volume.read()),
        files,
      );
      assert.equal(late.volume.isMounted(), false);
      expiresIn = 1800;
      node.kubelet.renewTokens();
      await node.kubelet.untilAllPublishedAgain();
      assertNodeIsCurrent(node.sandbox, node.kubelet);
    } finally {
      await node.remove();
    }
  });
});

/** A volume as another version may have written it: other names, other modes, and dead in the middle of a write. */
function makeOlderLayout(target: string): void {
  const generation = path.join(target, '..v0-generation');
  fs.mkdirSync(generation, { mode: 0o700 });
  fs.writeFileSync(path.join(generation, 'context.token'), 'old', { mode: 0o600 });
  fs.writeFileSync(path.join(generation, 'gone.txt'), 'old', { mode: 0o600 });
  const previous = fs.readlinkSync(path.join(target, '..data'));
  fs.rmSync(path.join(target, '..data'));
  fs.symlinkSync('..v0-generation', path.join(target, '..data'));
  fs.rmSync(path.join(target, previous), { recursive: true });
  fs.symlinkSync('..v0-half', path.join(target, '..data_tmp'));
  fs.mkdirSync(path.join(target, '..v0-half'), { mode: 0o700 });
  fs.writeFileSync(path.join(target, '..v0-half', 'context.token'), 'ha', { mode: 0o600 });
  fs.symlinkSync('..data/gone.txt', path.join(target, 'gone.txt'));
  fs.rmSync(path.join(target, '.env'));
  fs.chmodSync(target, 0o700);
}
