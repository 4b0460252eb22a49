import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { proofs } from '../../support/e2e/compatibility.js';
import { rows } from '../../support/e2e/compatibility-page.js';

const root = path.join(import.meta.dirname, '../../..');

describe('docs/compatibility.md', () => {
  it('has the rows that tests prove, each with a version', () => {
    const [, , ...lines] = readFileSync(path.join(root, 'docs', 'compatibility.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('|'));
    const cells = lines.map((line) => line.split('|').map((cell) => cell.trim()));
    for (const [, program = '', version = ''] of cells) assert.match(version, /^\d+\.\d/, program);
    assert.deepEqual(
      cells.map(([, program, , files, way, does]) => [program, files, way, does]),
      rows(),
      'write it anew: npm run compatibility',
    );
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
