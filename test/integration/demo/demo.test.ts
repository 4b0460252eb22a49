import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const manifests = path.join(import.meta.dirname, '../../../deploy/examples/demo');
const main = path.join(import.meta.dirname, '../../../dist/main.js');

describe('demo', () => {
  let folder: string;
  beforeEach(() => void (folder = fs.mkdtempSync(path.join(tmpdir(), 'connectors-csi-demo-'))));
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const demo = (flags: readonly string[] = [], PATH = process.env['PATH']) => {
    const env = { PATH, TMPDIR: folder };
    return spawnSync(process.execPath, [main, 'demo', ...flags], { encoding: 'utf8', env });
  };

  /** A folder with these programs and no others. A path stands for a program of another name. */
  const programs = (...names: readonly (string | readonly [string, string])[]): string => {
    const directory = path.join(folder, 'programs');
    fs.mkdirSync(directory);
    for (const each of names) {
      const [name, real] = typeof each === 'string' ? [each, found(each)] : each;
      fs.symlinkSync(real, path.join(directory, name));
    }
    return directory;
  };

  /** The shell would name what it has of its own by its name alone. */
  const found = (name: string): string =>
    (process.env['PATH'] ?? '')
      .split(':')
      .map((directory) => path.join(directory, name))
      .find((file) => fs.existsSync(file)) ?? name;

  it('goes from a registry with a password to a program that has none, shows no whole token, and leaves nothing behind', () => {
    const { status, stdout, stderr } = demo();
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.deepEqual(stdout.match(/^\d+\. [A-Za-z]+(?: [a-z]+)?/gm), [
      '1. a registry',
      '2. the proxy',
      '3. the driver',
      '4. NodeGetCapabilities',
      '5. NodePublishVolume',
      '6. a program',
      '7. the same',
      '8. the same',
      '9. what the',
      '10. NodePublishVolume again',
      '11. NodePublishVolume again',
      '12. NodeGetVolumeStats',
      '13. NodeUnpublishVolume',
    ]);
    assert.match(stdout, /^ {3}\.env -> \.\.data\/\.env$/m);
    assert.match(stdout, /env \| grep _proxy=\n {3}http_proxy=http:\/\/ci%2Fharbor,ci%2Fgithub:eyJhbG….{6}@/);
    assert.doesNotMatch(stdout, /eyJ[-\w]{10}/);
    assertStory(stdout);
    assert.match(stdout, /\nnothing is left mounted\n$/);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('has a registry of its own where docker-registry is not installed', () => {
    const { status, stdout, stderr } = demo([], programs('unshare', 'mount', 'sh', 'true', 'env', 'grep', 'sort'));
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^ {3}the demo's own, as docker-registry is not installed, behind TLS at https:/m);
    assertStory(stdout);
    assert.deepEqual(fs.readdirSync(folder), ['programs']);
  });

  /** What the client got, and what the registry saw of it. */
  const assertStory = (stdout: string): void => {
    assert.match(stdout, /^ {3}GET \S+: 200\n {3}"what only those with the password may read"$/m);
    assert.match(stdout, /^ {3}GET \S+: 407\n {3}proxy credentials missing: use the user name and password/m);
    assert.match(
      stdout,
      /^ {3}GET \S+: 403\n {3}cannot use connector ci\/\S+: system:serviceaccount:ci:stranger cannot get/m,
    );
    assert.equal(stdout.match(/^ {3}(?:POST|PUT|GET) \S+ as robot:only-the-proxy-has-this: 20[0-2]$/gm)?.length, 3);
    assert.equal(stdout.match(/only-the-proxy-has-this/g)?.length, 3);
  };

  it('plays the driver alone with manifests of somebody else, whose proxy is elsewhere', () => {
    const { status, stdout, stderr } = demo(['--manifests', manifests]);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^1\. the driver starts and is ready/m);
    assert.match(
      stdout,
      /^ {3}http:\/\/ci%2Fharbor,ci%2Fgithub:\S+@connectors-proxy\.connectors-system\.svc\.cluster\.local:80$/m,
    );
    assert.doesNotMatch(stdout, /^\d+\. a (?:program|registry)/m);
    assert.match(stdout, /\nnothing is left mounted\n$/);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('shows what there is of a volume without the files that it would look into', () => {
    const { status, stdout, stderr } = demo(['--configuration-names', '!.env,!context.token,!ca.crt']);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^ {3}==> http\.proxy$/m);
    assert.match(stdout, /^no program can use the proxy: the volume has no ca\.crt$/m);
    assert.doesNotMatch(stdout, /a task sees|^ {3}context\.token/m);
    assert.match(stdout, /\nnothing is left mounted\n$/);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('says what went wrong, and leaves nothing behind, when that was after the first mount', () => {
    const { status, stderr } = demo(['--manifests', manifests], programs('unshare', 'true', ['sh', '/bin/false']));
    assert.equal(status, 1);
    assert.match(stderr, /^connectors-csi demo: sh did not take \.env: \n$/);
    assert.deepEqual(fs.readdirSync(folder), ['programs']);
  });

  it('says what the proxy lacks, and leaves nothing behind, when that does not start', () => {
    const { status, stderr } = demo([], programs('unshare', 'true', ['sh', '/bin/false']));
    assert.equal(status, 1);
    assert.match(stderr, /^connectors-csi demo: the proxy did not become ready; its messages are above\n$/);
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
