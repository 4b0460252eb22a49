import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { errnoName, fromSyscallError, SyscallError } from '../../../../src/driver/host/errno.ts';

describe('failed system calls', () => {
  it('name the call, the path and the errno', () => {
    assert.equal(
      new SyscallError('move_mount', '/x/mount', constants.errno.EPERM).message,
      'move_mount /x/mount: EPERM',
    );
  });

  it('keep the number of an errno without a name', () => assert.equal(errnoName(4711), 'errno 4711'));

  for (const [name, code] of [
    ['ENOSPC', 'RESOURCE_EXHAUSTED'],
    ['EDQUOT', 'RESOURCE_EXHAUSTED'],
    ['EIO', 'INTERNAL'],
    ['EPERM', 'INTERNAL'],
  ] as const) {
    it(`are ${code} for ${name}`, () => {
      const error = fromSyscallError(new SyscallError('write', '/x', constants.errno[name]));
      assert.equal(error.code, code);
      assert.match(error.message, new RegExp(`write /x: ${name}$`));
    });
  }

  it('name what bounds the room: open files for what is written, the node for a mount, neither for anything else', () => {
    for (const [call, message] of [
      ['write', 'no room in the volume, because its pod keeps replaced files open: write /x: ENOSPC'],
      ['openat', 'no room in the volume, because its pod keeps replaced files open: openat /x: ENOSPC'],
      ['move_mount', 'no room for another mount on the node (see sysctl fs.mount-max): move_mount /x: ENOSPC'],
      ['mount', 'no room for another mount on the node (see sysctl fs.mount-max): mount /x: ENOSPC'],
      ['mkdirat', 'no room for the volume: mkdirat /x: ENOSPC'],
    ] as const) {
      assert.equal(fromSyscallError(new SyscallError(call, '/x', constants.errno.ENOSPC)).message, message);
    }
  });
});
