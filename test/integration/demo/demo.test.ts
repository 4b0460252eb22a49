import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { repository } from '../../support/deploy/manifests.ts';
import { demoPicture } from '../../support/docs/demo-picture.ts';

describe('demo', () => {
  let folder: string;
  beforeEach(() => (folder = fs.mkdtempSync(path.join(tmpdir(), 'csi-demo-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const demo = (flags: readonly string[] = [], PATH = process.env['PATH']) => {
    const env = { PATH, TMPDIR: folder };
    const args = [path.join(repository, 'test', 'demo', 'demo.ts'), ...flags];
    return spawnSync(process.execPath, args, { encoding: 'utf8', env, cwd: repository });
  };

  /** Returns the names of files that are left, apart from those of the loader for TypeScript. */
  const left = (): readonly string[] => fs.readdirSync(folder);

  /** Returns a folder with these programs and no others. */
  const programs = (...names: readonly string[]): string => {
    const directory = path.join(folder, 'programs');
    fs.mkdirSync(directory);
    const folders = (process.env['PATH'] ?? '').split(':');
    for (const name of names) {
      const real = folders.map((each) => path.join(each, name)).find((file) => fs.existsSync(file));
      fs.symlinkSync(real ?? name, path.join(directory, name));
    }
    return directory;
  };

  /** What the client got, and what the registry saw of it. */
  const assertStory = (stdout: string): void => {
    assert.equal(stdout.match(/^ {3}✔ (?:POST|PUT|GET) +\S+ 20[0-2]$/gm)?.length, 3);
    assert.match(stdout, /^ {3}✘ GET +\S+ 407 proxy credentials missing: use the user name and password/m);
    assert.match(
      stdout,
      /^ {3}✘ GET +\S+ 403 cannot use connector ci\/harbor: system:serviceaccount:ci:stranger cannot get/m,
    );
    assert.equal(stdout.match(/^ {3}(?:POST|PUT|GET) +\S+ 20[0-2] as robot:only-the-proxy-has-this$/gm)?.length, 3);
    assert.equal(stdout.match(/only-the-proxy-has-this/g)?.length, 3);
    assert.match(stdout, /^10\. the pod ends, and the kubelet unmounts the volume: nothing is left$/m);
    assert.doesNotMatch(stdout, /eyJ[-\w]{10}/);
  };

  it('goes from a registry with a password to a program that has none, in 25 lines, and leaves nothing behind', () => {
    const { status, stdout, stderr } = demo();
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.ok(stdout.split('\n').length <= 27, stdout);
    assert.match(stdout, /^ {3}https_proxy=http:\/\/ci%2Fharbor,ci%2Fgithub:eyJhbG….{6}@127\.0\.0\.1:\d+$/m);
    assertStory(stdout);
    assert.match(stdout, /The password never left the proxy\.\n.*--verbose` shows all calls and files\.\n$/);
    assert.deepEqual(left(), []);
    const picture = fs.readFileSync(path.join(repository, 'docs/demo.svg'), 'utf8');
    assert.equal(demoPicture(stdout), picture, 'generate it: npm run demo | npm run generate:demo');
  });

  it('shows all calls and files with --verbose, and needs few programs', () => {
    const PATH = programs(
      'unshare',
      'mount',
      'sh',
      'true',
      'env',
      'sort',
      'cat',
      'id',
      'mkdir',
      'mktemp',
      'mv',
      'sha256sum',
    );
    const { status, stdout, stderr } = demo(['--verbose'], PATH);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^ {3}NodeGetCapabilities: .*STAGE|^ {3}NodeGetCapabilities: \S+/m);
    assert.match(stdout, /^ {3}\.env -> \.\.data\/\.env$/m);
    assert.match(stdout, /^ {3}==> http\.proxy$/m);
    assertStory(stdout);
    assert.deepEqual(left(), ['programs']);
  });

  it('is in color on a terminal, as its picture, in lines of whole words', function () {
    const words = `stty cols 72; ${process.execPath} ${path.join(repository, 'test', 'demo', 'demo.ts')}`;
    const env = { PATH: process.env['PATH'], TMPDIR: folder, TERM: 'xterm' };
    const { error, stdout } = spawnSync('script', ['-qec', words, '/dev/null'], { encoding: 'utf8', env });
    if (error !== undefined) this.skip();
    assert.ok(stdout.startsWith('\x1b[34m1. a registry starts, which requires a password\x1b[39m\r\n'), stdout);
    assert.equal(stdout.split('\n\x1b[32m   ✔ ').length, 4);
    assert.equal(stdout.split('\n\x1b[31m   ✘ ').length, 3);
    const lines = stripVTControlCharacters(stdout).split('\r\n');
    assert.ok(
      lines.every((line) => line.length <= 72 || !line.trim().includes(' ') || /^\w/.test(line)),
      stdout,
    );
  });

  it('says what the proxy lacks, and leaves nothing behind', () => {
    const PATH = programs('unshare', 'true');
    fs.symlinkSync('/bin/false', path.join(PATH, 'sh'));
    const { status, stderr } = demo([], PATH);
    assert.equal(status, 1);
    assert.match(stderr, /^demo: the proxy did not start: /);
    assert.deepEqual(left(), ['programs']);
  });

  it('says what it lacks if it cannot have a mount namespace', () => {
    const { status, stderr } = demo([], folder);
    assert.equal(status, 1);
    assert.match(stderr, /^demo: .* it needs unshare\(1\) of util-linux: spawnSync unshare ENOENT\n$/);
  });

  it('rejects an unknown flag', () => {
    const { status, stderr } = demo(['--verbos']);
    assert.equal(status, 1);
    assert.match(stderr, /^demo: unknown flag "--verbos": did you mean "--verbose"\?\n$/);
  });
});
