import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { brokenLinks } from '../../../.ci/check-links.mjs';
import { repository } from '../../support/deploy/manifests.ts';

describe('.ci/check-links.mjs', () => {
  it('finds no broken link in pages, sources and manifests', () => {
    const script = path.join(repository, '.ci', 'check-links.mjs');
    const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    assert.equal(stderr, '');
    assert.equal(status, 0);
  });

  it('finds links to pages and headings that do not exist', () => {
    const text =
      '[a](limits.md) [b](limits.md#proxy) [c](gone.md) [d](limits.md#gone) [e](#gone) [f](https://x.test/y.md)';
    assert.deepEqual(brokenLinks('docs/sizing.md', text), [
      '1: no docs/gone.md',
      '1: no docs/limits.md#gone',
      '1: no docs/sizing.md#gone',
    ]);
  });

  it('finds pages that sources and manifests name', () => {
    const text = '# docs/limits.md#proxy,\n# docs/gone.md, docs/limits.md#gone, https://x.test/docs/other.md';
    assert.deepEqual(brokenLinks('deploy/a.yaml', text), ['2: no docs/gone.md', '2: no docs/limits.md#gone']);
  });
});
