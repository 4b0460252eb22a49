import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import { TargetPaths } from '../../../../src/driver/host/target-path.ts';
import { KubeletDir } from '../../../support/host/kubelet-dir.ts';
import { started } from '../../../support/started.ts';

describe('target paths', () => {
  const syscalls = loadSyscalls();
  let kubelet: KubeletDir;
  beforeEach(() => {
    kubelet = started(new KubeletDir());
  });

  /** The path of the parent that was opened, as the kernel sees it; undefined when there is none. */
  function parentOf(targetPath: string, kubeletDir = kubelet.root): string | undefined {
    const target = new TargetPaths(kubeletDir, syscalls).open(targetPath);
    if (target === undefined) return undefined;
    const opened = fs.readlinkSync(`/proc/self/fd/${target.parent.fd}`);
    syscalls.close(target.parent.fd);
    return opened;
  }

  it('have an open parent', () => assert.equal(parentOf(kubelet.target), kubelet.parent));

  it('may have no parent', () => assert.equal(parentOf(`${kubelet.root}/pods/none/volumes/x/mount`), undefined));

  it('may lie in a kubelet directory that is a symbolic link', () => {
    const link = `${kubelet.root}-link`;
    fs.symlinkSync(kubelet.root, link);
    try {
      assert.equal(parentOf(kubelet.target.replace(kubelet.root, link), link), kubelet.parent);
    } finally {
      fs.unlinkSync(link);
    }
  });

  const bad: Record<string, (k: KubeletDir) => string> = {
    'that is empty': () => '',
    'that is relative': () => 'pods/uid/volumes/x/mount',
    'outside the kubelet directory': () => '/etc/x/mount',
    'beside the pods': (k) => `${k.root}/plugins/x/mount`,
    'beside the pods by a common prefix': (k) => `${k.root}/pods-other/x/mount`,
    'that is the directory of pods': (k) => `${k.root}/pods`,
    'directly in the directory of pods': (k) => `${k.root}/pods/mount`,
    'that climbs': (k) => `${k.parent}/../../../../../../etc`,
    'with a dot': (k) => `${k.parent}/./mount`,
    'with a double slash': (k) => `${k.parent}//mount`,
    'with a final slash': (k) => `${k.target}/`,
    'that ends in dots': (k) => `${k.parent}/..`,
    'with a NUL byte': (k) => `${k.target}\0x`,
    'with a name that is too long': (k) => `${k.root}/pods/${'x'.repeat(256)}/volumes/x/mount`,
    'with a last name that is too long': (k) => `${k.parent}/${'x'.repeat(256)}`,
    'that is too long': (k) => `${k.parent}/${'x'.repeat(4096)}`,
    'that is too long by many names': (k) => `${k.parent}/${'x/'.repeat(2048)}mount`,
  };
  for (const [name, pathOf] of Object.entries(bad)) {
    it(`refuse one ${name}`, () => {
      assert.throws(() => parentOf(pathOf(kubelet)), { code: 'INVALID_ARGUMENT', message: /^target path "/ });
    });
  }

  it('refuse a symbolic link at every level below the kubelet directory', () => {
    const levels = path.relative(kubelet.root, kubelet.parent).split(path.sep);
    for (let depth = 1; depth <= levels.length; depth += 1) {
      const level = path.join(kubelet.root, ...levels.slice(0, depth));
      fs.renameSync(level, `${level}.real`);
      fs.symlinkSync(`${level}.real`, level);
      assert.throws(() => parentOf(kubelet.target), { code: 'INVALID_ARGUMENT', message: /symbolic link/ }, level);
      fs.unlinkSync(level);
      fs.renameSync(`${level}.real`, level);
    }
    assert.equal(parentOf(kubelet.target), kubelet.parent);
  });

  it('refuse a file as a parent', () => {
    assert.throws(() => parentOf(`${kubelet.parent}/vol_data.json/mount`), { code: 'INVALID_ARGUMENT' });
  });
});
