import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const repository = path.join(import.meta.dirname, '..', '..', '..');

function check(folder: string): { status: number | null; stdout: string; stderr: string } {
  const script = path.join(repository, '.ci', 'embed.mjs');
  return spawnSync(process.execPath, [script, '--check', folder], { encoding: 'utf8' });
}

describe('files shown in the documentation', () => {
  it('are the files of the repository', () => {
    const { status, stdout, stderr } = check(repository);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.ok(Number.parseInt(stdout, 10) >= 4, stdout);
  });

  it('are found wrong when a line differs', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-docs-'));
    mkdirSync(path.join(folder, 'docs'));
    writeFileSync(path.join(folder, 'a.yaml'), 'a: 1\nb: 2\n');
    writeFileSync(path.join(folder, 'docs', 'page.md'), '<!-- file: a.yaml -->\n\n```yaml\na: 1\nb: 3\n```\n');
    const { status, stderr } = check(folder);
    rmSync(folder, { recursive: true });
    assert.equal(status, 1);
    assert.match(stderr, /differs from a\.yaml/);
  });
});
