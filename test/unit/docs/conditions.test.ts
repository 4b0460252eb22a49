import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { classConditionTypes, conditionReasons, conditionTypes } from '../../../src/proxy/status/conditions.ts';

const page = (name: string): string => readFileSync(path.join(import.meta.dirname, '../../../docs', name), 'utf8');

const types: ReadonlySet<string> = new Set([...conditionTypes, ...classConditionTypes]);

describe('the conditions in docs/troubleshooting.md', () => {
  const text = page('troubleshooting.md').split('\n## A Connector is not ready\n')[1]?.split('\n## ')[0] ?? '';
  const [ofTypes = '', ofReasons = ''] = text.split(/^\| reason /m);
  const firstCells = (table: string): readonly string[] =>
    [...table.matchAll(/^\|(.*?)\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
    );

  it('are those that the code can write', () => {
    assert.deepEqual([...firstCells(ofTypes)].sort(), [...types].sort());
  });

  it('have the reasons that the code can write', () => {
    assert.deepEqual([...new Set(firstCells(ofReasons))].sort(), [...conditionReasons].sort());
  });

  it('have conditions and statuses that exist, in each row of a reason', () => {
    const rows = ofReasons.split('\n').filter((row) => row.startsWith('| `'));
    for (const row of rows) {
      const [, , statuses = '', conditions = ''] = row.split('|');
      for (const [, status = ''] of statuses.matchAll(/`(\w+)`/g)) assert.match(status, /^(?:True|False|Unknown)$/);
      for (const [, type = ''] of conditions.matchAll(/`(\w+)`/g)) assert.ok(types.has(type), row);
    }
  });

  it('are found from the pages that readers start from', () => {
    for (const name of ['limits.md', 'proxy.md'])
      assert.ok(page(name).includes('troubleshooting.md#a-connector-is-not-ready'), name);
  });
});
