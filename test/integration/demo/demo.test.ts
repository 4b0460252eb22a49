import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const main = path.join(import.meta.dirname, '../../../dist/main.js');

describe('demo', () => {
  let folder: string;
  beforeEach(() => void (folder = fs.mkdtempSync(path.join(tmpdir(), 'connectors-csi-demo-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const demo = (flags: readonly string[] = [], programs = process.env['PATH']) => {
    const env = { PATH: programs, TMPDIR: folder };
    return spawnSync(process.execPath, [main, 'demo', ...flags], { encoding: 'utf8', env });
  };

  const unshare = (): string => spawnSync('sh', ['-c', 'command -v unshare'], { encoding: 'utf8' }).stdout.trim();

  it('goes through the life of a volume, shows no whole token, and leaves nothing behind', () => {
    const { status, stdout, stderr } = demo();
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.deepEqual(stdout.match(/^\d\. [A-Za-z]+/gm), [
      '1. the',
      '2. NodeGetCapabilities',
      ...Array<string>(3)
        .fill('NodePublishVolume')
        .map((call, index) => `${index + 3}. ${call}`),
      '6. NodeGetVolumeStats',
      '7. NodeUnpublishVolume',
    ]);
    assert.match(stdout, /^ {3}\.env -> \.\.data\/\.env$/m);
    assert.match(stdout, /env \| grep _proxy=\n {3}http_proxy=http:\/\/ci%2Fharbor,ci%2Fgithub:eyJhbG….{6}@/);
    assert.doesNotMatch(stdout, /eyJ[-\w]{10}/);
    assert.match(stdout, /\nnothing is left mounted\n$/);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('shows what there is of a volume without the files that it would look into', () => {
    const { status, stdout, stderr } = demo(['--configuration-names', '!.env,!context.token']);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^ {3}==> http\.proxy$/m);
    assert.doesNotMatch(stdout, /a task sees|^ {3}context\.token/m);
    assert.match(stdout, /\nnothing is left mounted\n$/);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('says what went wrong, and leaves nothing behind, when that was after the first mount', () => {
    const programs = path.join(folder, 'programs');
    fs.mkdirSync(programs);
    fs.symlinkSync(unshare(), path.join(programs, 'unshare'));
    fs.symlinkSync('/bin/true', path.join(programs, 'true'));
    fs.symlinkSync('/bin/false', path.join(programs, 'sh'));
    const { status, stderr } = demo([], programs);
    assert.equal(status, 1);
    assert.match(stderr, /^connectors-csi demo: sh did not take \.env: \n$/);
    assert.deepEqual(fs.readdirSync(folder), ['programs']);
  });

  it('tells what the driver answered and ends with 1', () => {
    const { status, stderr } = demo(['--configuration-names', 'nope']);
    assert.equal(status, 1);
    assert.match(stderr, /^connectors-csi demo: the driver answered NOT_FOUND: .*no configuration nope in /m);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('says what it lacks where it cannot have a mount namespace', () => {
    const { status, stderr } = demo([], folder);
    assert.equal(status, 1);
    assert.match(stderr, /^connectors-csi demo: .* it needs unshare\(1\) of util-linux: spawnSync unshare ENOENT\n$/);
  });

  it('says at once when there are no manifests', () => {
    const { status, stderr } = demo(['--manifests', path.join(folder, 'none')]);
    assert.equal(status, 1);
    assert.match(stderr, /^connectors-csi demo: the directory of manifests cannot be read \(see --manifests\): ENOENT/);
    assert.deepEqual(fs.readdirSync(folder), []);
  });
});
