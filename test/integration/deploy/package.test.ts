import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repository } from '../../support/deploy/manifests.js';

/** What `npm pack` makes, unpacked, with nothing but koffi installed beside it. */
describe('the npm package', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-pack-'));
  const installed = path.join(folder, 'package');
  let files: string[];

  before(() => {
    const { filename, files: packed } = pack();
    files = packed.map(({ path: file }) => file);
    assert.equal(spawnSync('tar', ['-xzf', path.join(folder, filename), '-C', folder]).status, 0);
    for (const name of ['koffi', `@koromix/koffi-linux-${process.arch}`]) {
      const target = path.join(installed, 'node_modules', name);
      mkdirSync(path.dirname(target), { recursive: true });
      cpSync(path.join(repository, 'node_modules', name), target, { recursive: true });
    }
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function pack(): { filename: string; files: { path: string }[] } {
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const { status, stdout, stderr } = spawnSync('npm', args, { cwd: repository, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const [packed] = JSON.parse(stdout) as [ReturnType<typeof pack>];
    return packed;
  }

  const run = (...args: string[]): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } =>
    spawnSync(process.execPath, [path.join(installed, 'dist', 'main.js'), ...args], { encoding: 'utf8', cwd: folder });

  it('holds the bundles, their licences and the bill of materials, and no source', () => {
    for (const file of ['LICENSE', 'README.md', 'package.json']) assert.ok(files.includes(file), file);
    for (const file of ['main.js', 'NOTICES.txt', 'sbom.cdx.json']) assert.ok(files.includes(`dist/${file}`), file);
    const others = files.filter((file) => !/^dist\/|^[^/]+$/.test(file));
    assert.deepEqual(others, []);
  });

  it('starts, wherever it is', () => {
    const { version } = JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')) as { version: string };
    assert.equal(run('--version').stdout, `${version}\n`);
    assert.match(run('serve', '--help').stdout, /--kubelet-dir/);
  });
});
