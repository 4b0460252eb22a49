import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cgroupMemoryReader } from '../../../src/limits/cgroup-memory.js';

const MiB = 2 ** 20;

describe('the memory limits of this process', () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(tmpdir(), 'cgroup-'));
  });
  afterEach(() => fs.rmSync(root, { recursive: true }));

  const write = (files: Readonly<Record<string, string>>): void => {
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(root, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    }
  };
  const statistics = (shmemMiB: number, slabMiB: number): string =>
    `anon 1\nfile 2\nshmem ${shmemMiB * MiB}\nshmem_thp 9\nslab_reclaimable 3\nslab ${slabMiB * MiB}\n`;

  it('are its own and its parents’ where it sees them, as a privileged container does', () => {
    write({
      'proc/self/cgroup': '0::/kubepods.slice/pod1.slice/cri:driver.scope\n',
      'proc/self/mountinfo': '30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n',
      'sys/fs/cgroup/memory.stat': statistics(999, 9),
      'sys/fs/cgroup/kubepods.slice/memory.max': 'max\n',
      'sys/fs/cgroup/kubepods.slice/pod1.slice/memory.max': `${576 * MiB}\n`,
      'sys/fs/cgroup/kubepods.slice/pod1.slice/memory.stat': statistics(300, 20),
      'sys/fs/cgroup/kubepods.slice/pod1.slice/cri:driver.scope/memory.max': `${500 * MiB}\n`,
      'sys/fs/cgroup/kubepods.slice/pod1.slice/cri:driver.scope/memory.stat': statistics(10, 2),
    });
    assert.deepEqual(cgroupMemoryReader(root)(), [
      { limitBytes: 500 * MiB, persistentBytes: 12 * MiB },
      { limitBytes: 576 * MiB, persistentBytes: 320 * MiB },
    ]);
  });

  it('are its own where it sees no more', () => {
    write({
      'proc/self/cgroup': '0::/\n',
      'proc/self/mountinfo': '30 1 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n',
      'sys/fs/cgroup/memory.max': `${576 * MiB}\n`,
      'sys/fs/cgroup/memory.stat': statistics(10, 2),
    });
    assert.deepEqual(cgroupMemoryReader(root)(), [{ limitBytes: 576 * MiB, persistentBytes: 12 * MiB }]);
  });

  it('are those of the mounted part where the rest of the path is not mounted', () => {
    write({
      'proc/self/cgroup': '0::/kubepods/pod1/driver\n',
      'proc/self/mountinfo': '30 1 0:26 /kubepods/pod1/driver /sys/fs/cgroup ro - cgroup2 cgroup rw\n',
      'sys/fs/cgroup/memory.max': `${100 * MiB}\n`,
      'sys/fs/cgroup/memory.stat': statistics(1, 0),
    });
    assert.deepEqual(cgroupMemoryReader(root)(), [{ limitBytes: 100 * MiB, persistentBytes: MiB }]);
    write({ 'proc/self/cgroup': '0::/../../../etc\n' });
    assert.deepEqual(cgroupMemoryReader(root)(), [{ limitBytes: 100 * MiB, persistentBytes: MiB }]);
  });

  it('are read from cgroups of version 1 too', () => {
    write({
      'proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/pod/driver\n0::/elsewhere\n',
      'proc/self/mountinfo':
        '30 1 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n31 1 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n',
      'sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      'sys/fs/cgroup/memory/pod/memory.limit_in_bytes': `${576 * MiB}\n`,
      'sys/fs/cgroup/memory/pod/memory.kmem.usage_in_bytes': `${5 * MiB}\n`,
      'sys/fs/cgroup/memory/pod/memory.stat': `shmem 1\ntotal_shmem ${40 * MiB}\n`,
      'sys/fs/cgroup/memory/pod/driver/memory.limit_in_bytes': '9223372036854771712\n',
    });
    assert.deepEqual(cgroupMemoryReader(root)(), [{ limitBytes: 576 * MiB, persistentBytes: 45 * MiB }]);
  });

  it('are none where there is no limit, or nothing to read', () => {
    assert.deepEqual(cgroupMemoryReader(root)(), []);
    write({
      'proc/self/cgroup': '0::/\n',
      'proc/self/mountinfo': '30 1 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n',
      'sys/fs/cgroup/memory.max': 'max\n',
    });
    assert.deepEqual(cgroupMemoryReader(root)(), []);
  });

  it('can be read on this machine, whatever they are', () => {
    for (const { limitBytes, persistentBytes } of cgroupMemoryReader()()) {
      assert.ok(limitBytes > 0 && persistentBytes >= 0);
    }
  });
});
