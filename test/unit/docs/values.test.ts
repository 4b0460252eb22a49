import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { allValues } from '../../support/deploy/all-values.js';
import { repository } from '../../support/deploy/manifests.js';
import { pages } from '../../support/docs/pages.js';

const groups = Object.entries(allValues).flatMap(([name, value]) => (typeof value === 'object' ? [name] : []));
/** Values in code, in commands, and in what `helm` is told, such as `driver.kubeletDir`. */
const pattern = new RegExp(
  `(?<=[\`,] ?|--set(?:-string)? )(?:${groups.join('|')})(?:\\.(?!yaml)[a-z]\\w*)+(?=[\`=:,])`,
  'g',
);

function isValue(name: string): boolean {
  const found = name.split('.').reduce<unknown>((value, part) => {
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(part) : undefined;
  }, allValues);
  return found !== undefined;
}

describe('values of the chart that pages name', () => {
  it('exist', () => {
    const named = [...pages, 'deploy/README.md'].flatMap((page) =>
      [...readFileSync(path.join(repository, page), 'utf8').matchAll(pattern)].map(([name]) => `${page}: ${name}`),
    );
    assert.ok(named.length >= 20, named.join('\n'));
    assert.deepEqual(
      named.filter((each) => !isValue(each.split(': ')[1] ?? '')),
      [],
    );
  });
});
