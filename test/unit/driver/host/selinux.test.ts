import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.js';
import { selinuxContext } from '../../../../src/driver/host/selinux.js';

describe('the SELinux context of a volume', () => {
  const syscalls = loadSyscalls();
  let directory: string;

  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(tmpdir(), 'selinux-'));
  });
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  const enforce = (value: string) => fs.writeFileSync(path.join(directory, 'enforce'), value);

  it('is absent without SELinux, even when asked for', () => {
    assert.equal(selinuxContext(syscalls, directory), undefined);
    assert.equal(selinuxContext(syscalls, directory, 'system_u:object_r:container_file_t:s0:c1,c2'), undefined);
  });

  it('is absent while SELinux only warns', () => {
    enforce('0');
    assert.equal(selinuxContext(syscalls, directory), undefined);
  });

  it('is one that containers may read while SELinux enforces', () => {
    enforce('1');
    assert.equal(selinuxContext(syscalls, directory), 'system_u:object_r:container_file_t:s0');
  });

  it('is the one asked for while SELinux enforces', () => {
    enforce('1');
    const asked = 'system_u:object_r:container_file_t:s0:c1,c2';
    assert.equal(selinuxContext(syscalls, directory, asked), asked);
  });

  it('follows the switch at once', () => {
    enforce('1');
    assert.notEqual(selinuxContext(syscalls, directory), undefined);
    enforce('0');
    assert.equal(selinuxContext(syscalls, directory), undefined);
  });

  for (const text of ['', 'a b', 'a"b', 'a\nb', 'a=b', 'x,size=1g"']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => selinuxContext(syscalls, directory, text), { code: 'INVALID_ARGUMENT' });
    });
  }
});
