import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { InProcessDriver } from '../../../support/driver/in-process-driver.ts';
import { NodeSandbox } from '../../../support/driver/node-sandbox.ts';
import { started } from '../../../support/started.ts';
import { hasManyIds } from '../../../support/user-ids.ts';

/** Where the ids of a pod with `hostUsers: false` begin on the node. */
const firstId = 100_000;

/** Mounts a volume elsewhere with its ids mapped, as a container runtime does for such a pod. */
function mountMapped(from: string, to: string): string | undefined {
  fs.mkdirSync(to);
  const options = `X-mount.idmap=b:0:${firstId}:65536`;
  const { status, stderr } = spawnSync('mount', ['--bind', '-o', options, from, to], { encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

describe('a volume of a pod in a user namespace of its own', () => {
  let node: NodeSandbox;
  let driver: InProcessDriver;
  let inPod: string;
  beforeEach(async () => {
    node = started(new NodeSandbox());
    driver = started(await InProcessDriver.start(node));
    inPod = path.join(node.root, 'in-pod');
  });
  afterEach(() => spawnSync('umount', [inPod]));

  it('has files of that namespace, which follow the refreshes', async function () {
    if (!hasManyIds()) {
      console.log('      skipped: a group other than 0 exists only for real root, not in this user namespace');
      this.skip();
    }
    const volume = node.volume();
    const group = { fields: { volume_capability: { mount: { volume_mount_group: '1000' } } } };
    await driver.kubelet.publishVolume(volume, group);
    const problem = mountMapped(volume.target, inPod);
    if (problem !== undefined) {
      console.log(`      skipped: ids cannot be mapped here: ${problem}`);
      this.skip();
    }
    const token = path.join(inPod, 'context.token');
    const { uid, gid, mode } = fs.statSync(token);
    // To the pod these are 0 and 1000.
    assert.deepEqual([uid, gid, mode & 0o777], [firstId, firstId + 1000, 0o440]);
    assert.equal(fs.readFileSync(token, 'utf8'), volume.token);
    volume.renewToken();
    await driver.kubelet.publishVolume(volume, group);
    assert.equal(fs.readFileSync(token, 'utf8'), volume.token);
    assert.deepEqual([fs.statSync(token).uid, fs.statSync(token).gid], [firstId, firstId + 1000]);
  });
});
