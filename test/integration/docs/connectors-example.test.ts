import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { repository } from '../../support/deploy/manifests.ts';

describe('the commands in the comment of deploy/examples/connectors.yaml', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-example-'));
    for (const name of ['deploy', 'dist', 'package.json']) {
      symlinkSync(path.join(repository, name), path.join(folder, name));
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  it('print the files that a pod would get', () => {
    const example = readFileSync(path.join(repository, 'deploy/examples/connectors.yaml'), 'utf8');
    const commands = [...example.matchAll(/^# {3}(.*)$/gm)].map(([, command = '']) => command);
    assert.ok(commands.length >= 2);
    const { status, stdout, stderr } = spawnSync('sh', ['-ec', commands.join('\n')], { cwd: folder, encoding: 'utf8' });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, /^==> config\.json\n/m);
    assert.match(stdout, /^https_proxy=http:\/\/ci%2Fharbor:TOKEN-PLACEHOLDER@proxy\.example:80$/m);
  });
});
