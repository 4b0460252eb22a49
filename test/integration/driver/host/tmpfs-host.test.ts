import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { deduplicateFiles } from '../../../../src/driver/host/deduplicate-files.ts';
import { memoryOf, tmpfsLimitsOf } from '../../../../src/driver/host/footprint.ts';
import { loadSyscalls } from '../../../../src/driver/host/linux-syscalls.ts';
import type { VolumeFile } from '../../../../src/driver/publish/ports.ts';
import { VolumeMemory } from '../../../../src/driver/publish/volume-memory.ts';
import { noLimitObserver } from '../../../../src/shared/limits/limit-observer.ts';
import {
  filesOf,
  inotifyInstances,
  KubeletDir,
  openDescriptors,
  readVolume,
  somebody,
} from '../../../support/host/kubelet-dir.ts';
import type { TestHost } from '../../../support/host/kubelet-dir.ts';
import { wrapSyscalls } from '../../../support/host/syscall-wrapper.ts';
import { unmount } from '../../../support/mounts.ts';
import { eventually } from '../../../support/poll.ts';
import { started } from '../../../support/started.ts';
import { hasManyIds } from '../../../support/user-ids.ts';

const texts = { '.env': 'a=1\n', 'ca.crt': 'PEM', empty: '' };
const files = filesOf(texts);

/** Memory for a volume with these files, and no more. */
const memoryFor = (volume: readonly VolumeFile[]): VolumeMemory => {
  const bytes = memoryOf(tmpfsLimitsOf(deduplicateFiles(volume), 4096));
  // One pod has an eighth.
  return new VolumeMemory({
    limitBytes: 8 * bytes,
    reserveBytes: 0,
    observer: noLimitObserver,
  });
};

describe('a volume', () => {
  const syscalls = loadSyscalls();
  let kubelet: KubeletDir;
  let host: TestHost;
  beforeEach(() => {
    kubelet = started(new KubeletDir());
    host = kubelet.host(syscalls);
  });

  const mountTmpfs = () => assert.equal(syscalls.mount('other', kubelet.target, 'tmpfs', 0, ''), 0);

  describe('when attached', () => {
    it('is absent before, published after, and absent when detached', async () => {
      assert.ok(!host.hasVolume(kubelet.target));
      host.put(kubelet.target, files, {});
      assert.ok(host.hasVolume(kubelet.target));
      assert.deepEqual(readVolume(kubelet.target), texts);
      await host.detach(kubelet.target);
      assert.ok(!host.hasVolume(kubelet.target));
      assert.deepEqual(fs.readdirSync(kubelet.parent), ['vol_data.json']);
      assert.deepEqual(kubelet.mounts(), []);
    });

    it('is published at a look until it is detached, unmounted, or another one is there', async () => {
      const isPublished = (): boolean => {
        const isInspected = host.hasVolume(kubelet.target);
        assert.equal(host.isPublished(kubelet.target), isInspected);
        return isInspected;
      };
      assert.equal(isPublished(), false);
      host.put(kubelet.target, files, {});
      assert.equal(isPublished(), true);
      unmount(kubelet.target);
      assert.equal(isPublished(), false);
      host.put(kubelet.target, filesOf({ other: 'x' }), {});
      assert.equal(isPublished(), true);
      fs.rmSync(path.join(kubelet.target, '..data'));
      assert.equal(isPublished(), false);
      host.put(kubelet.target, files, {});
      assert.equal(isPublished(), true);
      mountTmpfs();
      assert.equal(isPublished(), false);
      unmount(kubelet.target);
      assert.equal(isPublished(), true);
      await host.detach(kubelet.target);
      assert.equal(isPublished(), false);
    });

    it('is a bounded tmpfs of its own, without devices, set-uid programs and programs at all', () => {
      host.put(kubelet.target, files, {});
      const [line, ...others] = kubelet.mounts();
      assert.deepEqual(others, []);
      assert.match(line ?? '', /nosuid,nodev,noexec,.* - tmpfs connectors-csi rw,size=80k,nr_inodes=33,/);
    });

    it('is readable by all without a group, whatever the umask', () => {
      const umask = process.umask(0o077);
      try {
        host.put(kubelet.target, files, {});
      } finally {
        process.umask(umask);
      }
      const modeOf = (name: string) => fs.statSync(path.join(kubelet.target, name)).mode & 0o7777;
      assert.deepEqual(['.', '..data', '.env', 'ca.crt'].map(modeOf), [0o755, 0o755, 0o444, 0o444]);
    });

    it('takes an empty directory that a reboot left', () => {
      fs.mkdirSync(kubelet.target);
      host.put(kubelet.target, files, {});
      assert.deepEqual(readVolume(kubelet.target), texts);
    });

    it('refuses a directory with something in it and leaves it alone', () => {
      fs.mkdirSync(kubelet.target);
      fs.writeFileSync(path.join(kubelet.target, 'theirs'), 'x');
      assert.throws(() => host.put(kubelet.target, files, {}), {
        code: 'FAILED_PRECONDITION',
        message: /not empty/,
      });
      assert.deepEqual(kubelet.entries(), ['theirs']);
      assert.deepEqual(kubelet.mounts(), []);
    });

    it('names the version of Linux that a kernel without detached mounts lacks, and makes nothing', () => {
      const { ENOSYS } = constants.errno;
      const old = kubelet.host(wrapSyscalls(syscalls, (call) => (call === 'fsopen' ? -ENOSYS : undefined)));
      assert.throws(() => old.put(kubelet.target, files, {}), {
        code: 'FAILED_PRECONDITION',
        message: /^the driver needs Linux 5\.2 or later/,
      });
      assert.equal(fs.existsSync(kubelet.target), false);
    });

    it('refuses a parent that does not exist and makes nothing', () => {
      fs.rmSync(kubelet.parent, { recursive: true });
      assert.throws(() => host.put(kubelet.target, files, {}), { code: 'INTERNAL', message: /does not exist/ });
      assert.equal(fs.existsSync(kubelet.parent), false);
    });

    it('refuses files for which no memory is left, and leaves nothing', () => {
      const small = kubelet.host(syscalls, { memory: memoryFor(files) });
      const big = [{ name: 'big', content: Buffer.alloc(128 << 10) }];
      assert.throws(() => small.put(kubelet.target, big, {}), { code: 'RESOURCE_EXHAUSTED' });
      assert.deepEqual(fs.readdirSync(kubelet.parent), ['vol_data.json']);
      assert.deepEqual(kubelet.mounts(), []);
      small.put(kubelet.target, files, {});
      assert.deepEqual(readVolume(kubelet.target), texts);
    });

    it('takes 128 files, and their largest total three times over', () => {
      const many = Array.from({ length: 128 }, (_, n) => ({ name: `f${n}`, content: Buffer.alloc(8192, n) }));
      host.put(kubelet.target, many, {});
      for (const round of [1, 2, 3]) {
        const next = many.map(({ name }) => ({ name, content: Buffer.alloc(8192, round) }));
        assert.equal(host.put(kubelet.target, next, {}), 'refreshed');
      }
      assert.equal(fs.readFileSync(path.join(kubelet.target, 'f127'))[0], 3);
    });
  });

  describe('when refreshed', () => {
    it('changes bytes, adds names and removes names', () => {
      host.put(kubelet.target, files, {});
      const next = { '.env': 'a=2\n', 'new.conf': 'n' };
      assert.equal(host.put(kubelet.target, filesOf(next), {}), 'refreshed');
      assert.deepEqual(readVolume(kubelet.target), next);
    });

    it('touches nothing when nothing changed', () => {
      host.put(kubelet.target, files, {});
      const before = [fs.lstatSync(kubelet.target, { bigint: true }), kubelet.entries()];
      assert.equal(host.put(kubelet.target, files, {}), 'unchanged');
      const after = [fs.lstatSync(kubelet.target, { bigint: true }), kubelet.entries()];
      assert.deepEqual(stripAccessTimes(after), stripAccessTimes(before));
    });

    it('fills a tmpfs that was never filled', () => {
      fs.mkdirSync(kubelet.target);
      mountTmpfs();
      assert.equal(host.put(kubelet.target, files, {}), 'refreshed');
      assert.ok(host.hasVolume(kubelet.target));
      assert.deepEqual(readVolume(kubelet.target), texts);
    });

    it('keeps the old content when no memory is left for the new', () => {
      const small = kubelet.host(syscalls, { memory: memoryFor(files) });
      small.put(kubelet.target, files, {});
      const before = [kubelet.entries(), kubelet.mounts()];
      const big = [...filesOf({ 'new.name': '' }), { name: 'big', content: Buffer.alloc(128 << 10) }];
      assert.throws(() => small.put(kubelet.target, big, {}), { code: 'RESOURCE_EXHAUSTED' });
      assert.deepEqual(readVolume(kubelet.target), texts);
      assert.deepEqual([kubelet.entries(), kubelet.mounts()], before);
      assert.equal(small.put(kubelet.target, filesOf({ a: '1' }), {}), 'refreshed');
    });
  });

  describe('whose content changes its size', () => {
    const content = (pages: number, fill: number) => [{ name: 'f', content: Buffer.alloc(pages * 4096, fill) }];
    const pages = () => host.statistics(kubelet.target).bytes.total / 4096;

    it('grows before it is written, and keeps its mount and flags', () => {
      host.put(kubelet.target, content(1, 1), {});
      const [before = ''] = kubelet.mounts();
      assert.equal(host.put(kubelet.target, content(64, 2), {}), 'refreshed');
      assert.deepEqual(kubelet.mounts(), [before.replace('size=72k', 'size=576k')]);
      assert.equal(host.put(kubelet.target, content(64, 3), {}), 'refreshed');
    });

    it('shrinks when the larger revision is gone', () => {
      host.put(kubelet.target, content(64, 1), {});
      host.put(kubelet.target, content(1, 2), {});
      assert.equal(pages(), 2 * 64 + 16);
      host.put(kubelet.target, content(1, 3), {});
      assert.equal(pages(), 2 + 16);
    });

    it('reserves what its tmpfs can use, before and after it shrinks', () => {
      const memory = memoryFor(content(64, 1));
      const counted = kubelet.host(syscalls, { memory });
      for (const [size, fill, counts] of [
        [64, 1, 2 * 64 + 16],
        [1, 2, 2 * 64 + 16],
        [1, 3, 2 + 16],
      ] as const) {
        counted.put(kubelet.target, content(size, fill), {});
        const constants = memoryOf({ sizeBytes: 0, inodes: 25 });
        assert.equal(memory.use.used, counts * 4096 + constants, `revision ${fill}`);
      }
    });

    it('has its pod keep few replaced files open, and is refreshed again when they are closed', () => {
      host.put(kubelet.target, content(16, 0), {});
      const opened: number[] = [];
      const refresh = (fill: number) => {
        opened.push(fs.openSync(path.join(kubelet.target, 'f'), 'r'));
        host.put(kubelet.target, content(16, fill), {});
      };
      refresh(1);
      refresh(2);
      assert.throws(() => refresh(3), {
        code: 'RESOURCE_EXHAUSTED',
        message: /^no room in the volume, because its pod keeps replaced files open: write /,
      });
      assert.equal(fs.readFileSync(path.join(kubelet.target, 'f'))[0], 2);
      for (const fd of opened) fs.closeSync(fd);
      host.put(kubelet.target, content(16, 3), {});
      assert.equal(fs.readFileSync(path.join(kubelet.target, 'f'))[0], 3);
    });

    it('takes what only fits once in larger pages', () => {
      const coarse = kubelet.host(syscalls, { pageBytes: 64 << 10 });
      const many = Array.from({ length: 33 }, (_, n) => ({ name: `f${n}`, content: Buffer.from(String(n)) }));
      coarse.put(kubelet.target, many, {});
      assert.equal(host.statistics(kubelet.target).bytes.total, (2 * 33 + 16) << 16);
    });
  });

  describe('with the same bytes in several files', () => {
    const bundle = 'PEM '.repeat(50_000);
    const withBundle = (token: string) =>
      filesOf({ 'ca.cert': bundle, 'ca.crt': bundle, 'http.proxy': token, 'https.proxy': token, token });
    const pagesUsed = () => host.statistics(kubelet.target).bytes.used / 4096;
    const inode = (name: string) => fs.statSync(path.join(kubelet.target, name)).ino;
    const bundlePages = Math.ceil(bundle.length / 4096);

    it('holds them once', () => {
      host.put(kubelet.target, withBundle('1'), {});
      assert.equal(pagesUsed(), bundlePages + 1);
      assert.equal(inode('ca.crt'), inode('ca.cert'));
      assert.equal(inode('http.proxy'), inode('token'));
    });

    it('holds what stays the same once in all its revisions', () => {
      host.put(kubelet.target, withBundle('1'), {});
      const before = inode('ca.crt');
      for (const token of ['2', '3', '4']) {
        assert.equal(host.put(kubelet.target, withBundle(token), {}), 'refreshed');
        assert.equal(pagesUsed(), bundlePages + 2);
      }
      assert.equal(inode('ca.crt'), before);
      assert.equal(readVolume(kubelet.target)['ca.cert'], bundle);
    });

    it('shares with a name that the revision before had, when another one is new', () => {
      host.put(kubelet.target, filesOf({ 'ca.crt': bundle }), {});
      const before = inode('ca.crt');
      host.put(kubelet.target, filesOf({ 'a-new-name': bundle, 'ca.crt': bundle }), {});
      assert.equal(inode('a-new-name'), before);
    });

    it('gives up sharing when one of them changes, or goes', () => {
      host.put(kubelet.target, filesOf({ a: 'x', b: 'x' }), {});
      host.put(kubelet.target, filesOf({ a: 'x', b: 'y' }), {});
      assert.deepEqual(readVolume(kubelet.target), { a: 'x', b: 'y' });
      host.put(kubelet.target, filesOf({ b: 'y' }), {});
      assert.deepEqual(readVolume(kubelet.target), { b: 'y' });
    });

    it('does not take over bytes that somebody has changed in place', () => {
      host.put(kubelet.target, filesOf({ a: 'x', b: 'x', c: '1' }), {});
      fs.writeFileSync(path.join(kubelet.target, 'a'), 'z');
      assert.equal(host.put(kubelet.target, filesOf({ a: 'x', b: 'x', c: '2' }), {}), 'refreshed');
      assert.deepEqual(readVolume(kubelet.target), { a: 'x', b: 'x', c: '2' });
    });
  });

  describe('when detached', () => {
    it('may be gone already, with or without its parents', async () => {
      await host.detach(kubelet.target);
      fs.rmSync(kubelet.parent, { recursive: true });
      await host.detach(kubelet.target);
    });

    it('may be unmounted already', async () => {
      fs.mkdirSync(kubelet.target);
      await host.detach(kubelet.target);
      assert.equal(fs.existsSync(kubelet.target), false);
    });

    it('goes with every mount that is stacked on it', async () => {
      host.put(kubelet.target, files, {});
      for (let count = 0; count < 5; count += 1) mountTmpfs();
      await host.detach(kubelet.target);
      assert.deepEqual(kubelet.mounts(), []);
      assert.equal(fs.existsSync(kubelet.target), false);
    });

    const oneFile = { sizeBytes: 4096, inodes: 3 };
    for (const [how, hasWatches, opens, used] of [
      // All files of the volume, as long as one is open: a link and a page each, the directories, and the old revision.
      ['a file', true, ['.env'], { sizeBytes: 3 * 4096, inodes: 13 }],
      ['its directory', true, ['.'], { sizeBytes: 3 * 4096, inodes: 13 }],
      // The directory, and the file in its removed revision.
      ['a file on a node without inotify watches', false, ['.env'], oneFile],
    ] as const) {
      it(`goes while it is in use, and counts for its namespace until ${how} is closed`, async () => {
        const memory = memoryFor(files);
        const withoutWatches = wrapSyscalls(syscalls, (call) =>
          call === 'inotifyAddWatch' && !hasWatches ? -constants.errno.ENOSPC : undefined,
        );
        const own = kubelet.host(withoutWatches, { memory });
        own.put(kubelet.target, filesOf({ ...texts, '.env': 'a=0\n' }), {});
        const descriptors = openDescriptors();
        const opened = opens.map((name) => fs.openSync(path.join(kubelet.target, name), 'r'));
        own.put(kubelet.target, files, {});
        try {
          await own.detach(kubelet.target);
          assert.equal(fs.existsSync(kubelet.target), false);
          assert.equal(memory.use.used, memoryOf(used));
          const acquire = (): unknown => memory.acquire('other', somebody, memory.use.capacity / 8);
          assert.throws(acquire, /^CodedError: the volumes of pod/);
        } finally {
          for (const fd of opened) fs.closeSync(fd);
        }
        await eventually('the memory is released', () => memory.use.used === 0);
        assert.equal(openDescriptors(), descriptors);
      });
    }

    it('leaves an inotify instance for the next one, which is closed when there is none', async () => {
      const before = inotifyInstances();
      for (let round = 0; round < 2; round += 1) {
        host.put(kubelet.target, files, {});
        await host.detach(kubelet.target);
        assert.equal(inotifyInstances(), before + 1);
      }
      await eventually('it is closed', () => inotifyInstances() === before);
    });

    it('stays published when it cannot be unmounted', async () => {
      host.put(kubelet.target, files, {});
      assert.ok(host.hasVolume(kubelet.target));
      const failing = kubelet.host(
        wrapSyscalls(syscalls, (call) => (call === 'umount2InThread' ? -constants.errno.EPERM : undefined)),
      );
      await assert.rejects(failing.detach(kubelet.target), { code: 'INTERNAL', message: /EPERM$/ });
      assert.ok(host.hasVolume(kubelet.target));
      assert.deepEqual(readVolume(kubelet.target), texts);
    });

    it('changes no file elsewhere, whatever is in its place', async () => {
      host.put(kubelet.target, files, {});
      const revision = path.join(kubelet.target, fs.readlinkSync(path.join(kubelet.target, '..data')));
      const elsewhere = path.join(kubelet.root, 'elsewhere');
      const other = path.join(elsewhere, 'other');
      fs.mkdirSync(elsewhere);
      fs.writeFileSync(other, 'theirs');
      fs.symlinkSync(other, path.join(revision, 'link'));
      fs.symlinkSync(elsewhere, path.join(kubelet.target, '..link'));
      fs.mkdirSync(path.join(kubelet.target, '..mount'));
      const bind = (from: string, to: string) => assert.equal(syscalls.mount(from, to, 'none', 4096, ''), 0);
      bind(elsewhere, path.join(kubelet.target, '..mount'));
      bind(other, path.join(revision, '.env'));
      execFileSync('mkfifo', [path.join(revision, 'pipe')]);
      await host.detach(kubelet.target);
      assert.equal(fs.readFileSync(other, 'utf8'), 'theirs');
      assert.equal(fs.existsSync(kubelet.target), false);
    });

    it('leaves a directory alone that is not mounted and not empty', async () => {
      fs.mkdirSync(kubelet.target);
      fs.writeFileSync(path.join(kubelet.target, 'theirs'), 'x');
      await assert.rejects(host.detach(kubelet.target), { code: 'INTERNAL', message: /nothing was removed/ });
      assert.deepEqual(kubelet.entries(), ['theirs']);
    });

    it('leaves a foreign mount alone', async () => {
      fs.mkdirSync(kubelet.target);
      assert.equal(syscalls.mount('none', kubelet.target, 'ramfs', 0, ''), 0);
      assert.ok(!host.hasVolume(kubelet.target));
      await assert.rejects(host.detach(kubelet.target), { code: 'INTERNAL', message: /not this driver's/ });
      assert.throws(() => host.put(kubelet.target, files, {}), {
        code: 'INTERNAL',
        message: /not this driver's: unmount it by hand/,
      });
      assert.equal(kubelet.mounts().length, 1);
    });
  });

  describe('whose place is a symbolic link', () => {
    it('is refused by every call, and where the link leads nothing changes', async () => {
      const victim = path.join(kubelet.root, 'victim');
      fs.mkdirSync(victim);
      mountAt(victim);
      fs.symlinkSync(victim, kubelet.target);
      const calls = [() => host.put(kubelet.target, files, {}), () => host.hasVolume(kubelet.target)];
      const refusal = { code: 'INTERNAL', message: /is not a directory/ };
      for (const call of calls) assert.throws(call, refusal);
      await assert.rejects(host.detach(kubelet.target), refusal);
      assert.equal(kubelet.mounts().length, 1);
      assert.deepEqual(fs.readdirSync(victim), []);
    });

    it('is refused when a parent is one', async () => {
      const elsewhere = path.join(kubelet.root, 'elsewhere');
      fs.renameSync(kubelet.parent, elsewhere);
      fs.symlinkSync(elsewhere, kubelet.parent);
      assert.match(host.targetPathProblem(kubelet.target) ?? '', /symbolic link/);
      const refusal = { code: 'INVALID_ARGUMENT', message: /symbolic link/ };
      assert.throws(() => host.put(kubelet.target, files, {}), refusal);
      await assert.rejects(host.detach(kubelet.target), refusal);
      assert.deepEqual(fs.readdirSync(elsewhere), ['vol_data.json']);
    });

    const mountAt = (place: string) => assert.equal(syscalls.mount('other', place, 'tmpfs', 0, ''), 0);
  });

  it('has statistics only while it is published', async () => {
    assert.throws(() => host.statistics(kubelet.target), { code: 'NOT_FOUND' });
    fs.mkdirSync(kubelet.target);
    assert.throws(() => host.statistics(kubelet.target), { code: 'NOT_FOUND' });
    host.put(kubelet.target, files, {});
    const { bytes, inodes } = host.statistics(kubelet.target);
    assert.equal(bytes.total, (2 * 2 + 16) * 4096);
    assert.equal(bytes.used, 2 * 4096);
    assert.equal(bytes.available, bytes.total - bytes.used);
    // The root, a revision, three files, four links.
    assert.deepEqual(inodes, { total: 33, used: 9, available: 24 });
    await host.detach(kubelet.target);
    assert.throws(() => host.statistics(kubelet.target), { code: 'NOT_FOUND' });
  });

  it('has a place that is fine whether or not something is there', () => {
    assert.equal(host.targetPathProblem(kubelet.target), undefined);
    host.put(kubelet.target, files, {});
    assert.equal(host.targetPathProblem(kubelet.target), undefined);
    assert.equal(host.targetPathProblem(`${kubelet.root}/pods/gone/volumes/x/mount`), undefined);
    assert.match(host.targetPathProblem('/etc/x/mount') ?? '', /under .*\/pods\//);
  });

  it('takes any set of well-named files and gives it back', () => {
    const name = fc.stringMatching(/^[-._a-zA-Z0-9]{1,40}$/).filter((text) => text !== '.' && !text.startsWith('..'));
    const set = fc.dictionary(name, fc.string(), { maxKeys: 12, noNullPrototype: true });
    host.put(kubelet.target, [], {});
    fc.assert(
      fc.property(set, (wanted) => {
        host.put(kubelet.target, filesOf(wanted), {});
        assert.deepEqual(readVolume(kubelet.target), wanted);
        assert.equal(host.put(kubelet.target, filesOf(wanted), {}), 'unchanged');
      }),
    );
  });

  it('leaks neither descriptors, mounts, entries nor room in 1,000 revisions', function () {
    host.put(kubelet.target, filesOf({ token: 'start' }), {});
    host.put(kubelet.target, filesOf({ token: 'first' }), {});
    const before = { ...footprint(), descriptors: openDescriptors() };
    for (let revision = 0; revision < 1000; revision += 1) {
      const wanted = filesOf({ token: `t${revision % 10}`, [`name${revision % 3}`]: 'x' });
      assert.equal(host.put(kubelet.target, wanted, {}), 'refreshed');
    }
    host.put(kubelet.target, filesOf({ token: 'before' }), {});
    host.put(kubelet.target, filesOf({ token: 'after' }), {});
    assert.deepEqual({ ...footprint(), descriptors: openDescriptors() }, before);
  });

  it('leaks neither descriptors nor mounts over 200 lives', async () => {
    host.put(kubelet.target, files, {});
    await host.detach(kubelet.target);
    const before = openDescriptors();
    for (let life = 0; life < 200; life += 1) {
      host.put(kubelet.target, files, {});
      await host.detach(kubelet.target);
    }
    assert.ok(openDescriptors() <= before, `${openDescriptors()} descriptors, ${before} before`);
    assert.deepEqual(kubelet.mounts(), []);
  });

  const footprint = () => ({
    entries: kubelet.entries().length,
    mounts: kubelet.mounts().length,
    used: host.statistics(kubelet.target),
  });
});

describe('a volume with a group', () => {
  const gid = 4711;
  let kubelet: KubeletDir;
  let host: TestHost;
  beforeEach(function () {
    if (!hasManyIds()) {
      console.log('      skipped: a group other than 0 exists only for real root, not in this user namespace');
      this.skip();
    }
    kubelet = started(new KubeletDir());
    host = kubelet.host(loadSyscalls());
  });
  afterEach(() => {
    if (hasManyIds()) kubelet.remove();
  });

  const canRead = (uid: number, group: number) =>
    spawnSync('cat', [path.join(kubelet.target, '.env')], { uid, gid: group }).status === 0;

  it('is readable by a process with that group alone, and by no other', () => {
    host.put(kubelet.target, files, { gid });
    assert.equal(canRead(1000, gid), true);
    assert.equal(canRead(1000, 1000), false);
  });

  it('leaves the files of the revision before as they were when the group changes', () => {
    host.put(kubelet.target, files, { gid });
    const old = fs.readlinkSync(path.join(kubelet.target, '..data'));
    host.put(kubelet.target, filesOf({ ...texts, more: '1' }), { gid: gid + 1 });
    for (const name of ['.', '.env', 'ca.crt']) {
      assert.equal(fs.statSync(path.join(kubelet.target, old, name)).gid, gid, name);
      assert.equal(fs.statSync(path.join(kubelet.target, '..data', name)).gid, gid + 1, name);
    }
  });

  it('follows a change of group alone', () => {
    host.put(kubelet.target, files, {});
    assert.equal(canRead(1000, 1000), true);
    assert.equal(host.put(kubelet.target, files, { gid }), 'refreshed');
    assert.deepEqual([canRead(1000, gid), canRead(1000, 1000)], [true, false]);
    assert.equal(host.put(kubelet.target, files, { gid }), 'unchanged');
    assert.equal(host.put(kubelet.target, files, { gid: gid + 1 }), 'refreshed');
    assert.deepEqual([canRead(1000, gid + 1), canRead(1000, gid)], [true, false]);
    assert.equal(host.put(kubelet.target, files, {}), 'refreshed');
    assert.equal(canRead(1000, 1000), true);
    assert.deepEqual(readVolume(kubelet.target), texts);
  });
});

function stripAccessTimes([status, entries]: readonly unknown[]): unknown {
  const { ino, mode, mtimeNs, ctimeNs } = status as fs.BigIntStats;
  return { ino, mode, mtimeNs, ctimeNs, entries };
}
