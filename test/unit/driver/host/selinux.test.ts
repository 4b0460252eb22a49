import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkSelinux } from '../../../../src/cli/doctor/doctor.ts';
import { selinuxContext, selinuxProcessLabel } from '../../../../src/driver/host/selinux.ts';

describe('whether SELinux is active', () => {
  let directory: string;
  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(tmpdir(), 'selinux-'));
  });
  afterEach(() => fs.rmSync(directory, { recursive: true }));

  const labelFile = (content: string): string => {
    const file = path.join(directory, 'current');
    fs.writeFileSync(file, content);
    return file;
  };

  for (const label of [
    'system_u:system_r:spc_t:s0',
    'system_u:system_r:container_t:s0:c1,c2',
    'user_u:user_r:user_t',
  ]) {
    it(`is told by the label ${label}`, () => {
      assert.equal(selinuxProcessLabel(labelFile(`${label}\0`)), label);
      assert.equal(selinuxProcessLabel(labelFile(`${label}\n`)), label);
    });
  }

  const others = {
    'no policy is loaded': 'kernel\0',
    'AppArmor confines nothing': 'unconfined\n',
    'AppArmor confines': 'cri-containerd.apparmor.d (enforce)\n',
    'AppArmor has namespaces': ':node://cri:containerd:d (enforce)\n',
    'Smack labels': '_',
    'nobody answers': '',
  };
  for (const [when, content] of Object.entries(others)) {
    it(`is denied when ${when}`, () => assert.equal(selinuxProcessLabel(labelFile(content)), undefined));
  }

  it('is denied where the kernel knows no labels', () => {
    assert.equal(selinuxProcessLabel(path.join(directory, 'absent')), undefined);
  });

  it('is said by doctor', () => {
    const active = checkSelinux(labelFile('system_u:system_r:spc_t:s0\0'));
    assert.match(active.text, /^active \(the driver runs as system_u:system_r:spc_t:s0\): .*container_file_t:s0$/);
    assert.match(checkSelinux(labelFile('unconfined\n')).text, /^not active/);
  });
});

describe('the SELinux context of a volume', () => {
  const asked = 'system_u:object_r:container_file_t:s0:c1,c2';

  it('is absent without SELinux, even when asked for', () => {
    assert.equal(selinuxContext(false), undefined);
    assert.equal(selinuxContext(false, asked), undefined);
  });

  it('is one that containers may read, or the one asked for', () => {
    assert.equal(selinuxContext(true), 'system_u:object_r:container_file_t:s0');
    assert.equal(selinuxContext(true, asked), asked);
  });
});
