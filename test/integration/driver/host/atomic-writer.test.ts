import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import { filesOf, KubeletDir, readVolume } from '../../../support/host/kubelet-dir.ts';
import type { TestHost } from '../../../support/host/kubelet-dir.ts';
import { started } from '../../../support/started.ts';

describe('writing a revision', () => {
  let kubelet: KubeletDir;
  let host: TestHost;
  let now: number;
  beforeEach(() => {
    now = Date.UTC(2026, 0, 31, 9, 5, 0, 250);
    kubelet = started(new KubeletDir());
    host = kubelet.host(loadSyscalls(), { clock: { now: () => (now += 1000) } });
    host.put(kubelet.target, filesOf({ a: '1', b: '1' }), {});
  });

  const at = (name: string) => path.join(kubelet.target, name);
  const write = (texts: Readonly<Record<string, string>>) => host.put(kubelet.target, filesOf(texts), {});
  const current = () => fs.readlinkSync(at('..data'));
  const own = () => kubelet.entries().filter((entry) => entry.startsWith('..'));

  /** What a writer leaves that died while it wrote. */
  function leave(revision: string): void {
    fs.mkdirSync(at(revision));
    fs.writeFileSync(path.join(at(revision), 'a'), 'half');
    fs.symlinkSync(revision, at('..data_tmp'));
  }

  it('has the layout of the kubelet, with relative links', () => {
    assert.match(current(), /^\.\.2026_01_31_09_05_01_250\.[0-9a-z]+$/);
    assert.equal(fs.readlinkSync(at('a')), '..data/a');
    assert.deepEqual(kubelet.entries(), [current(), '..data', 'a', 'b']);
  });

  it('keeps the revision that readers may have resolved until the next write', () => {
    const first = current();
    write({ a: '2' });
    assert.equal(fs.readFileSync(path.join(at(first), 'a'), 'utf8'), '1');
    assert.equal(write({ a: '2' }), 'unchanged');
    assert.equal(fs.readFileSync(path.join(at(first), 'a'), 'utf8'), '1');
    write({ a: '3' });
    assert.equal(fs.existsSync(at(first)), false);
    assert.equal(own().length, 3);
  });

  for (const moment of ['2025_01_01_00_00_00_000', '2099_01_01_00_00_00_000']) {
    it(`goes on after a death that left a half revision of ${moment.slice(0, 4)} and the link to it`, () => {
      leave(`..${moment}.dead`);
      assert.equal(write({ a: '2', b: '2' }), 'refreshed');
      assert.deepEqual(readVolume(kubelet.target), { a: '2', b: '2' });
      assert.equal(own().length, 3);
      assert.equal(fs.existsSync(at(`..${moment}.dead`)), false);
    });
  }

  it('holds at most one revision more than the current one, whether or not the content changes after a death', () => {
    leave('..2099_01_01_00_00_00_000.dead');
    const before = current();
    assert.equal(write({ a: '1', b: '1' }), 'refreshed');
    assert.deepEqual(own(), [before, '..2099_01_01_00_00_00_000.dead', '..data']);
    assert.equal(write({ a: '1', b: '1' }), 'unchanged');
    write({ a: '2', b: '2' });
    assert.deepEqual(own(), [before, current(), '..data']);
  });

  it('starts again when the current revision has vanished', () => {
    fs.rmSync(at(current()), { recursive: true });
    assert.ok(!host.hasVolume(kubelet.target));
    assert.equal(write({ a: '1', b: '1' }), 'refreshed');
    assert.deepEqual(readVolume(kubelet.target), { a: '1', b: '1' });
  });

  const damages: Record<string, () => void> = {
    'a link of a name is missing': () => fs.unlinkSync(at('a')),
    'a link of a name leads elsewhere': () => {
      fs.unlinkSync(at('a'));
      fs.symlinkSync('/etc/hostname', at('a'));
    },
    'a name is a directory': () => {
      fs.unlinkSync(at('a'));
      fs.mkdirSync(at('a'));
    },
    'a name is left over': () => fs.symlinkSync('..data/gone', at('gone')),
    'a file has other bytes': () => fs.writeFileSync(path.join(at(current()), 'a'), '9'),
    'a file has another length': () => fs.writeFileSync(path.join(at(current()), 'a'), '11'),
    'a file is missing': () => fs.unlinkSync(path.join(at(current()), 'a')),
    'a file is too many': () => fs.writeFileSync(path.join(at(current()), 'more'), ''),
    'a file has another mode': () => fs.chmodSync(path.join(at(current()), 'a'), 0o400),
    'the revision has another mode': () => fs.chmodSync(at(current()), 0o700),
    'the volume has another mode': () => fs.chmodSync(kubelet.target, 0o700),
    '`..data` leads out of the volume': () => {
      fs.unlinkSync(at('..data'));
      fs.symlinkSync('../..', at('..data'));
    },
  };
  for (const [damage, make] of Object.entries(damages)) {
    it(`mends it when ${damage}, though the content is the same`, () => {
      make();
      assert.equal(write({ a: '1', b: '1' }), 'refreshed');
      assert.deepEqual(readVolume(kubelet.target), { a: '1', b: '1' });
      const modeOf = (name: string) => fs.statSync(at(name)).mode & 0o7777;
      assert.deepEqual(['.', '..data', 'a', 'b'].map(modeOf), [0o755, 0o755, 0o444, 0o444]);
      assert.equal(write({ a: '1', b: '1' }), 'unchanged');
    });
  }

  it('never writes through a link that stands where a file is to be', () => {
    const victim = path.join(kubelet.root, 'victim');
    fs.writeFileSync(victim, 'mine');
    fs.unlinkSync(path.join(at(current()), 'a'));
    fs.symlinkSync(victim, path.join(at(current()), 'a'));
    assert.equal(write({ a: '1', b: '1' }), 'refreshed');
    assert.equal(fs.readFileSync(victim, 'utf8'), 'mine');
    assert.equal(fs.statSync(victim).mode & 0o200, 0o200);
  });

  it('finds another name when one is taken', () => {
    const numbers = [0.25, 0.25, 0.5];
    const stopped = kubelet.host(loadSyscalls(), { clock: { now: () => 0 }, random: () => numbers.shift() ?? 0.75 });
    stopped.put(kubelet.target, filesOf({ a: '2' }), {});
    assert.equal(stopped.put(kubelet.target, filesOf({ a: '3' }), {}), 'refreshed');
    assert.deepEqual(readVolume(kubelet.target), { a: '3' });
    assert.equal(numbers.length, 0);
  });

  it('gives up when every name is taken, and keeps what there is', () => {
    const stuck = kubelet.host(loadSyscalls(), { clock: { now: () => 0 }, random: () => 0.5 });
    stuck.put(kubelet.target, filesOf({ a: '2' }), {});
    assert.throws(() => stuck.put(kubelet.target, filesOf({ a: '3' }), {}), {
      code: 'INTERNAL',
      message: /EEXIST$/,
    });
    assert.deepEqual(readVolume(kubelet.target), { a: '2' });
  });
});
