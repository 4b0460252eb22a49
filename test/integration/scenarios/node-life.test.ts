import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { KubeletNode } from '../../support/kubelet/kubelet-node.ts';
import { assertNodeIsCurrent } from '../../support/kubelet/node-state.ts';
import { scenario } from '../../support/kubelet/scenario.ts';
import { eventually } from '../../support/poll.ts';

const fullNode = 110;

describe('the life of a node', () => {
  const assertCurrent = ({ sandbox, kubelet, address }: KubeletNode): void =>
    assertNodeIsCurrent(sandbox, kubelet, address);

  scenario(
    '110 pods that start at once get their files, and restarts of the kubelet mount none twice',
    {},
    async (node) => {
      await node.startDriver();
      node.runPods(fullNode);
      await node.kubelet.untilAllPublished();
      assertCurrent(node);
      const revisions = [...node.kubelet.pods].map(({ volume }) => volume.revision());
      for (const emptiesRegistry of [false, true]) {
        const attempts = [...node.kubelet.pods].map((pod) => pod.attempts);
        await node.kubelet.restart({ emptiesRegistry });
        await node.kubelet.untilRegistered();
        await eventually('all are answered', () =>
          [...node.kubelet.pods].every((pod, index) => pod.isPublishedSince(attempts[index] ?? 0)),
        );
        assertCurrent(node);
      }
      assert.deepEqual(
        [...node.kubelet.pods].map(({ volume }) => volume.revision()),
        revisions,
      );
    },
  );

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    scenario(
      `drivers that are replaced with ${signal} while pods come and go take over what is mounted`,
      {},
      async (node) => {
        await node.startDriver();
        node.runPods(30);
        await node.kubelet.untilAllPublished();
        for (let round = 0; round < 2; round += 1) {
          const old = [...node.kubelet.pods].slice(0, 10);
          node.kubelet.renewTokens();
          node.kubelet.eventForAll();
          node.runPods(10);
          const ending = Promise.all(old.map((pod) => node.kubelet.end(pod)));
          await node.replaceDriver(signal);
          await ending;
          await node.kubelet.untilAllPublishedAgain();
          assertCurrent(node);
        }
      },
    );
  }

  scenario(
    'a volume of another layout is brought to this one, with the mount and its readers kept',
    {},
    async (node) => {
      await node.startDriver();
      node.runPods(4);
      await node.kubelet.untilAllPublished();
      await node.driver.killed();
      const mounts = node.sandbox.mounts();
      for (const { volume } of node.kubelet.pods) makeOlderLayout(volume.target);
      await node.startDriver();
      await node.kubelet.untilAllPublishedAgain();
      assertCurrent(node);
      assert.deepEqual(node.sandbox.mounts(), mounts);
      const [first] = node.kubelet.pods;
      const modes = fs.readdirSync(path.join(first!.volume.target, '..data')).map((name) => {
        return fs.statSync(path.join(first!.volume.target, name)).mode & 0o777;
      });
      assert.deepEqual([...new Set(modes)], [0o444]);
    },
  );
});

/** A volume as another version may have written it: other names, other modes, and dead in the middle of a write. */
function makeOlderLayout(target: string): void {
  const revision = path.join(target, '..v0-generation');
  fs.mkdirSync(revision, { mode: 0o700 });
  fs.writeFileSync(path.join(revision, 'context.token'), 'old', { mode: 0o600 });
  fs.writeFileSync(path.join(revision, 'gone.txt'), 'old', { mode: 0o600 });
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
