import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { formatted } from '../../support/docs/formatted.ts';
import { proofs } from '../../support/e2e/compatibility.ts';
import { compatibilityPage, refusedRows } from '../../support/e2e/compatibility-page.ts';

const root = path.join(import.meta.dirname, '../../..');

/** Returns the cells of the first table after a text of a page. */
function cellsAfter(page: string, text: string): readonly (readonly string[])[] {
  const [, rest = ''] = readFileSync(path.join(root, 'docs', page), 'utf8').split(text);
  const [, , ...lines] = (rest.split(/^## /m)[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('docs/compatibility.md', () => {
  it('is what `npm run generate:compatibility` writes, but for the versions', async () => {
    const versions = cellsAfter('compatibility.md', '# Compatibility\n').map(([, version = '']) => version);
    for (const version of versions) assert.match(version, /^\d+\.\d/);
    const file = path.join(root, 'docs', 'compatibility.md');
    assert.equal(readFileSync(file, 'utf8'), await formatted(file, compatibilityPage(versions)));
  });

  it('leaves what programs show of rejected requests to docs/dev/testing.md', () => {
    assert.deepEqual(cellsAfter('dev/testing.md', '\n## What programs show\n'), refusedRows());
  });

  it('has no row without a test', () => {
    const folder = path.join(root, 'test', 'e2e', 'flow');
    const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
    const isProven = (key: string): boolean =>
      texts.some(
        (text) => text.includes(`proven('${key}')`) || (text.includes('proven(key)') && text.includes(`'${key}'`)),
      );
    assert.deepEqual(
      Object.keys(proofs).filter((key) => !isProven(key)),
      [],
    );
  });
});
