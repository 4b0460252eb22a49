import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '../../../src/driver/host/linux-syscalls.ts';
import { bundleProgram, runHostCall } from '../../support/host/child-programs.ts';
import type { HostCall } from '../../support/host/child-programs.ts';
import { largeRevision, revisionFiles, revisionOf } from '../../support/host/revision-files.ts';
import { KubeletDir, pathsWith, readVolume, somebody } from '../../support/host/kubelet-dir.ts';
import type { TestHost } from '../../support/host/kubelet-dir.ts';
import { Readers } from '../../support/host/readers.ts';

describe('a driver that is killed', function () {
  this.timeout(300_000);
  let hostCall: string;
  let volumeReader: string;
  let kubelet: KubeletDir;
  let host: TestHost;
  let readers: Readers | undefined;

  before(() => {
    hostCall = bundleProgram('host-call');
    volumeReader = bundleProgram('volume-reader');
  });
  after(() => {
    for (const program of [hostCall, volumeReader]) fs.rmSync(program);
  });
  beforeEach(() => {
    kubelet = new KubeletDir();
    host = kubelet.host(loadSyscalls());
  });
  afterEach(() => {
    readers?.kill();
    readers = undefined;
    kubelet.remove();
  });

  const run = (call: Omit<HostCall, 'kubeletDir' | 'target'>) =>
    runHostCall(hostCall, { ...call, kubeletDir: kubelet.root, target: kubelet.target }).killedBefore;

  const publish = (revision: number) => {
    host.put(kubelet.target, revisionFiles(revision), {});
  };

  /** The volume is this revision and nothing else is left, but for the revision before it. */
  const assertClean = (revision: number) => {
    assert.equal(revisionOf(readVolume(kubelet.target)), revision);
    const own = kubelet.entries().filter((entry) => entry.startsWith('..'));
    assert.ok(own.includes('..data') && own.length <= 3, own.join(' '));
    assert.equal(kubelet.mounts().length, 1);
  };

  const assertGone = () => {
    assert.deepEqual(fs.readdirSync(kubelet.parent), ['vol_data.json']);
    assert.deepEqual(kubelet.mounts(), []);
  };

  const mend = async (repair: 'publish' | 'unpublish') => {
    if (repair === 'publish') {
      publish(2);
      assertClean(2);
    }
    await host.detach(kubelet.target);
    assertGone();
  };

  for (const repair of ['publish', 'unpublish'] as const) {
    it(`before any call of a first publish has either mounted nothing or all, and ${repair} mends it`, async () => {
      const killedBefore: string[] = [];
      for (let step = 1; ; step += 1) {
        const call = run({ action: 'put', revision: 1, killBefore: step });
        if (call === undefined) break;
        killedBefore.push(call);
        assert.deepEqual([kubelet.mounts(), restOf(kubelet)], [[], []], `step ${step}, before ${call}`);
        await mend(repair);
      }
      assertClean(1);
      await mend(repair);
      assertEnumerated(killedBefore, ['fsopen', 'mkdirat', 'write', 'symlinkat', 'moveMount']);
    });
  }

  it('before any call of a rewrite leaves the old revision or the new one, whatever readers do meanwhile', async () => {
    host.put(kubelet.target, revisionFiles(0), {});
    readers = await Readers.start(volumeReader, kubelet.target, 2);
    const killedBefore: string[] = [];
    for (let step = 1; ; step += 1) {
      const call = run({ action: 'put', revision: step, killBefore: step });
      if (call === undefined) break;
      killedBefore.push(call);
      const isSwapped = killedBefore.slice(0, -1).includes('renameat');
      assert.equal(currentRevision(kubelet), isSwapped ? step : step - 1, `step ${step}, before ${call}`);
      publish(step - 1);
      assertClean(step - 1);
      publish(step);
      assertClean(step);
    }
    assertEnumerated(killedBefore, ['mkdirat', 'write', 'linkat', 'symlinkat', 'renameat', 'unlinkat']);
    for (const report of await readers.stop()) {
      assert.deepEqual(report.problems, []);
      assert.ok(report.revisions > 1, JSON.stringify(report));
    }
  });

  it('before any call of a rewrite that grows the volume leaves the old revision or the new one', async () => {
    const killedBefore: string[] = [];
    for (let step = 1; ; step += 1) {
      publish(1);
      const call = run({ action: 'put', revision: largeRevision, killBefore: step });
      if (call === undefined) break;
      killedBefore.push(call);
      const isSwapped = killedBefore.slice(0, -1).includes('renameat');
      assert.equal(currentRevision(kubelet), isSwapped ? largeRevision : 1, `step ${step}, before ${call}`);
      publish(largeRevision);
      assertClean(largeRevision);
      await host.detach(kubelet.target);
    }
    assertEnumerated(killedBefore, ['mount', 'write', 'renameat']);
  });

  it('before any call of a write that is to leave no replaced file leaves none after the next such write', () => {
    const killedBefore: string[] = [];
    for (let step = 1; ; step += 1) {
      publish(0);
      publish(1);
      const call = run({ action: 'put', revision: 2, replaced: 'removed', killBefore: step });
      if (call === undefined) break;
      killedBefore.push(call);
      host.put(kubelet.target, revisionFiles(2), {}, somebody, 'removed');
      assert.deepEqual(
        ['0:', '1:'].flatMap((start) => pathsWith(kubelet.target, start)),
        [],
        `step ${step}, before ${call}`,
      );
      assertClean(2);
    }
    assert.deepEqual(pathsWith(kubelet.target, '1:'), []);
    const swap = killedBefore.indexOf('renameat');
    assert.ok(killedBefore.indexOf('unlinkat', swap) > swap, 'never killed while the replaced revision was removed');
  });

  it('at one call after the other, and never allowed to finish, is mended by the next write', async () => {
    host.put(kubelet.target, revisionFiles(0), {});
    readers = await Readers.start(volumeReader, kubelet.target, 1);
    let revision = 1;
    for (let step = 1; run({ action: 'put', revision, killBefore: step }); step += 1) {
      const found = currentRevision(kubelet);
      assert.ok(found === revision || found < revision, `revision ${found}`);
      revision += 1;
    }
    publish(revision + 1);
    assertClean(revision + 1);
    const [report] = await readers.stop();
    assert.deepEqual(report?.problems, []);
  });

  it('before any call of an unpublish leaves what unpublish and publish can both take up', async () => {
    const killedBefore: string[] = [];
    for (let step = 1; ; step += 1) {
      publish(1);
      const call = run({ action: 'detach', revision: 0, killBefore: step });
      if (call === undefined) break;
      killedBefore.push(call);
      if (host.hasVolume(kubelet.target)) assertClean(1);
      publish(2);
      assertClean(2);
      run({ action: 'detach', revision: 0, killBefore: step });
      await host.detach(kubelet.target);
      assertGone();
    }
    assertGone();
    assertEnumerated(killedBefore, ['umount2InThread', 'unlinkatInThread']);
  });
});

/** What is in the target's directory, if there is one. */
function restOf(kubelet: KubeletDir): string[] {
  return fs.existsSync(kubelet.target) ? kubelet.entries() : [];
}

function currentRevision(kubelet: KubeletDir): number {
  const directory = path.join(kubelet.target, '..data');
  const names = fs.readdirSync(directory);
  return revisionOf(
    Object.fromEntries(names.map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')])),
  );
}

/** What of a revision is not there already, in it or in the one before. */
const distinctContents = 3;

/** Guards the enumeration itself: that these calls were among those killed before. */
function assertEnumerated(killedBefore: readonly string[], calls: readonly string[]): void {
  for (const call of calls) assert.ok(killedBefore.includes(call), `never killed before ${call}`);
  const writes = killedBefore.filter((call) => call === 'write').length;
  assert.ok(!calls.includes('write') || writes >= distinctContents, `${writes} writes`);
}
