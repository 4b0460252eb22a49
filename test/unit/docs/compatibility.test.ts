import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { proofs } from '../../support/e2e/compatibility.js';
import { activateRows, refusedRows, rows } from '../../support/e2e/compatibility-page.js';

const root = path.join(import.meta.dirname, '../../..');

/** Returns the cells of the table of a section: 0 is that before the first heading. */
function cellsOf(at: number): readonly (readonly string[])[] {
  const page = readFileSync(path.join(root, 'docs', 'compatibility.md'), 'utf8');
  const [, , ...lines] = (page.split(/^##+ /m)[at] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.map((line) => line.split('|').map((cell) => cell.trim()));
}

describe('docs/compatibility.md', () => {
  it('has the rows that tests prove, each with a version', () => {
    for (const [at, expected] of [rows(), activateRows()].entries()) {
      const cells = cellsOf(at).map((row) => row.slice(1, -1));
      for (const [program = '', version = ''] of cells) assert.match(version, /^\d+\.\d/, program);
      const withoutVersion = cells.map((row) => row.filter((_cell, column) => column !== 1));
      assert.deepEqual(withoutVersion, expected, 'generate it: npm run generate:compatibility');
    }
  });

  it('has what the programs that are refused show', () => {
    const shown = cellsOf(3).map((cells) => cells.slice(1, -1));
    assert.deepEqual(shown, refusedRows(), 'generate it: npm run generate:compatibility');
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
