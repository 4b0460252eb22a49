import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { ImageBuilder } from '../support/deploy/image.js';

describe('the image', function () {
  this.timeout(300_000);

  const builder = new ImageBuilder();
  let image: string;
  let root: string;

  before(function () {
    // Debian's package `buildah`, and root. CI has both, and counts a skipped test as failed.
    if (!builder.isAvailable()) this.skip();
    image = builder.build();
    root = builder.mount(image);
  });
  after(() => {
    builder.remove();
  });

  const node = (...args: string[]): SpawnSyncReturns<string> =>
    spawnSync('chroot', [root, '/usr/local/bin/node', ...args], { encoding: 'utf8' });

  it('holds Node, the bundle and koffi, and nothing to get a shell with', () => {
    assert.deepEqual(readdirSync(path.join(root, 'usr/local/bin')), ['node']);
    assert.deepEqual(readdirSync(path.join(root, 'app')).sort(), ['dist', 'node_modules', 'package.json']);
    assert.deepEqual(readdirSync(path.join(root, 'app/node_modules')).sort(), ['@koromix', 'koffi']);
    assert.equal(readdirSync(path.join(root, 'app/node_modules/@koromix')).length, 1);
    assert.ok(!existsSync(path.join(root, 'bin')) && !existsSync(path.join(root, 'usr/bin')));
    const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const executables = files.filter(({ name }) => ['sh', 'bash', 'busybox', 'npm', 'mount'].includes(name));
    assert.deepEqual(executables, []);
  });

  it('starts the driver with no argument, as root, and says what it is', () => {
    const configuration = builder.configuration(image) as {
      Entrypoint: string[];
      Cmd: string[];
      User: string;
      Labels: Record<string, string>;
      Healthcheck?: unknown;
    };
    assert.deepEqual(configuration.Entrypoint, ['node', '/app/dist/main.js']);
    assert.deepEqual(configuration.Cmd, ['serve']);
    assert.equal(configuration.User, '0:0');
    assert.equal(configuration.Healthcheck, undefined);
    for (const label of ['title', 'description', 'licenses', 'version', 'revision']) {
      assert.ok(configuration.Labels[`org.opencontainers.image.${label}`], label);
    }
  });

  it('calls the system through koffi', () => {
    const script = `import('/app/node_modules/koffi/index.js').then(({ default: koffi }) => {
      const getpid = koffi.load('libc.so.6').func('int getpid()');
      console.log(getpid() === process.pid);
    })`;
    const { stdout, stderr } = node('-e', script);
    assert.equal(stdout, 'true\n', stderr);
  });

  it('adds less than 25 MB to Node itself', () => {
    const nodeBytes = statSync(path.join(root, 'usr/local/bin/node')).size;
    assert.ok(builder.sizeBytes(image) - nodeBytes < 25e6);
  });
});
