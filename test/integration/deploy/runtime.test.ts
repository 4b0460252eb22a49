import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repository } from '../../support/deploy/manifests.ts';

/** What this machine's loader takes for a program. */
function librariesOf(program: string): string[] {
  const { stdout } = spawnSync('ldd', [program], { encoding: 'utf8' });
  return [...stdout.matchAll(/\/\S+/g)].map(([library]) => library).sort();
}

describe('the files of an image that its Node needs', () => {
  /** Needs, on most systems, a library that needs another. */
  const program = realpathSync('/bin/ls');
  const libraries = librariesOf(program);
  const libc = libraries.find((library) => library.includes('libc')) ?? '';
  let folder: string;
  let image: string;
  let target: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-runtime-'));
    image = path.join(folder, 'image');
    target = path.join(folder, 'target');
    for (const name of ['lib', 'lib64']) {
      mkdirSync(placeOf(`/usr/${name}`), { recursive: true });
      symlinkSync(`usr/${name}`, path.join(image, name));
    }
    put(program, '/usr/bin/node');
    for (const library of libraries) put(library, library);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  const placeOf = (file: string): string => {
    const place = path.join(image, file);
    mkdirSync(path.dirname(place), { recursive: true });
    return place;
  };
  const put = (file: string, name: string): void => {
    copyFileSync(file, placeOf(name));
  };
  const write = (name: string, text: string): void => {
    writeFileSync(placeOf(name), text);
  };
  const copy = (root: string, node: string): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [path.join(repository, '.ci/runtime.mjs'), root, node, target], { encoding: 'utf8' });
  const copied = (): string[] =>
    readdirSync(target, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join('/', path.relative(target, entry.parentPath), entry.name))
      .sort();

  it('are those that the loader would take', () => {
    const { status, stderr } = copy('/', process.execPath);
    assert.equal(status, 0, stderr);
    const files = copied().filter((file) => !file.startsWith('/usr/share/licenses/'));
    assert.deepEqual(files, [...librariesOf(process.execPath), '/usr/local/bin/node'].sort());
    // The PATH of an ordinary user, who is root in the namespace of the tests, has no chroot.
    const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
    const run = spawnSync('chroot', [target, '/usr/local/bin/node', '--version'], { encoding: 'utf8', env });
    if (process.getuid?.() === 0) assert.equal(run.stdout, `${process.version}\n`);
  });

  it('are also those of libraries', () => {
    const { status, stderr } = copy(image, '/usr/bin/node');
    assert.equal(status, 0, stderr);
    assert.deepEqual(copied(), [...libraries, '/usr/local/bin/node'].sort());
  });

  it('come with the licences that the image has of them', () => {
    write('/usr/LICENSE', "Node's");
    // Before /lib was a link Debian's packages had their libraries there.
    write('/var/lib/dpkg/info/libc6:amd64.list', `/.\n${libc.replace(/^\/usr\//, '/')}\n`);
    write('/var/lib/dpkg/info/other.list', '/.\n/usr/bin/other\n');
    mkdirSync(path.join(image, 'usr/share/doc'), { recursive: true });
    symlinkSync('libc-common', path.join(image, 'usr/share/doc/libc6'));
    write('/usr/share/doc/libc-common/copyright', "the library's");
    const { status, stderr } = copy(image, '/usr/bin/node');
    assert.equal(status, 0, stderr);
    assert.deepEqual(
      copied().filter((file) => file.startsWith('/usr/share/')),
      ['/usr/share/licenses/libc6/copyright', '/usr/share/licenses/node/LICENSE'],
    );
    assert.equal(readFileSync(path.join(target, 'usr/share/licenses/libc6/copyright'), 'utf8'), "the library's");
  });

  it('are followed through links within the image', () => {
    rmSync(path.join(image, libc));
    symlinkSync('/store/current', path.join(image, libc));
    put(libc, '/store/c');
    symlinkSync('../store/c', path.join(image, 'store/current'));
    const { status, stderr } = copy(image, '/usr/bin/node');
    assert.equal(status, 0, stderr);
    assert.ok(readFileSync(path.join(target, libc)).equals(readFileSync(libc)));
    rmSync(path.join(image, 'store/current'));
    symlinkSync('/store/current', path.join(image, 'store/current'));
    assert.match(copy(image, '/usr/bin/node').stderr, /is a link that leads to itself/);
  });

  it('are named when the image lacks them, or has them for another processor only', () => {
    const bytes = readFileSync(libc);
    bytes.writeUInt16LE(bytes.readUInt16LE(18) === 62 ? 183 : 62, 18);
    writeFileSync(path.join(image, libc), bytes);
    const error = ` needs ${path.basename(libc)}, which the image does not have`;
    assert.ok(copy(image, '/usr/bin/node').stderr.includes(error));
    rmSync(path.join(image, libc));
    const { status, stderr } = copy(image, '/usr/bin/node');
    assert.equal(status, 1);
    assert.ok(stderr.includes(error), stderr);
    assert.ok(!existsSync(target));
  });
});
