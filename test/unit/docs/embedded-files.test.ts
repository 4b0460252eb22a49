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

describe('files shown in the documentation', function () {
  // Each test starts a process, which may have to wait on a busy machine.

  it('are the files of the repository', () => {
    const { status, stdout, stderr } = check(repository);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.ok(Number.parseInt(stdout, 10) >= 5, stdout);
  });

  describe('are found wrong', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'connectors-csi-docs-'));
      mkdirSync(path.join(folder, 'docs'));
      writeFileSync(path.join(folder, 'a.yaml'), 'a: 1\nb: 2\nc:\n  d: 3\n');
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    for (const [what, page, problem] of [
      ['when a line differs', '<!-- file: a.yaml -->\n\n```yaml\na: 1\nb: 3\n```\n', /differs from a\.yaml/],
      [
        'when an excerpt is gone',
        '<!-- excerpt: a.yaml -->\n\n```yaml\ne: 3\n```\n',
        /not \(or no longer\) in a\.yaml/,
      ],
      ['when the file is gone', '<!-- file: b.yaml -->\n\n```yaml\n```\n', /no file b\.yaml/],
      ['when no block follows', '<!-- file: a.yaml -->\n```yaml\n```\n', /not followed by/],
    ] as const) {
      it(what, () => {
        writeFileSync(path.join(folder, 'docs', 'page.md'), page);
        const { status, stderr } = check(folder);
        assert.equal(status, 1);
        assert.match(stderr, problem);
      });
    }

    it('but not when they are right', () => {
      const right =
        '<!-- file: a.yaml -->\n\n```yaml\na: 1\nb: 2\nc:\n  d: 3\n```\n\n<!-- excerpt: a.yaml -->\n\n```yaml\nd: 3\n```\n';
      writeFileSync(path.join(folder, 'docs', 'page.md'), right);
      assert.deepEqual(check(folder).stdout, '2 blocks in 1 pages\n');
    });
  });
});
