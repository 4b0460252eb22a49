import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { repository } from '../../support/deploy/manifests.ts';

const folder = path.join(repository, 'docs');
const textOf = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
const linksOf = (text: string): readonly string[] => [...text.matchAll(/\]\(([^)#]+)/g)].map(([, link = '']) => link);

describe('the pages of docs', () => {
  const [, table = ''] = textOf('README.md').split('\n## Pages\n');
  const order = linksOf(table.split('\n| **Change**')[0] ?? '').filter((link) => !link.startsWith('../'));

  it('are all in the table of docs/README.md', () => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');
    assert.deepEqual([...order].sort(), names.sort());
  });

  for (const [at, name] of order.entries()) {
    it(`lead on in the order of that table: ${name}`, () => {
      const [, last = ''] = textOf(name).split('\nNext: ');
      assert.equal(linksOf(last)[0], order[at + 1] ?? '../CONTRIBUTING.md');
    });
  }
});
