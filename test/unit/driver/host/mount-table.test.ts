import assert from 'node:assert/strict';
import fs from 'node:fs';
import { mountOf, parseMountTable, propagationProblem } from '../../../../src/driver/host/mount-table.ts';

const text = `22 1 0:21 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /var/lib/kubelet rw,relatime - ext4 /dev/vdb rw
31 30 0:31 / /var/lib/kubelet/pods/a\\040b rw,nosuid shared:7 master:1 - tmpfs connectors-csi rw,size=4096k
32 22 0:32 / /var/lib/kubelet rw master:3 - ext4 /dev/vdc rw
`;

describe('the mount table', () => {
  const table = parseMountTable(text);

  it('says what is mounted where, and whether others see it', () => {
    assert.deepEqual(table[2], {
      point: '/var/lib/kubelet/pods/a b',
      isShared: true,
      type: 'tmpfs',
      source: 'connectors-csi',
    });
    assert.deepEqual(
      table.map(({ isShared }) => isShared),
      [true, false, true, false],
    );
  });

  it('finds the mount of a path: the deepest, and of several at one point the last', () => {
    assert.equal(mountOf('/var/lib/kubelet/pods', table)?.source, '/dev/vdc');
    assert.equal(mountOf('/var/lib/kubelet-other', table)?.point, '/');
    assert.equal(mountOf('/', table)?.point, '/');
  });

  it('shows where the node would not see what is mounted', () => {
    const directory = fs.realpathSync('/tmp');
    const line = (optional: string) => parseMountTable(`22 1 0:21 / / rw${optional} - ext4 /dev/vda rw\n`);
    assert.equal(propagationProblem(directory, line(' shared:4')), undefined);
    assert.equal(propagationProblem(directory, line(' shared:4 master:2')), undefined);
    for (const optional of ['', ' master:2', ' unbindable']) {
      assert.match(propagationProblem(directory, line(optional))?.what ?? '', /^the mount at \/ is not shared/);
    }
  });
});
