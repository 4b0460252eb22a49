import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { loadVectors, runVectorExactly } from '../../../support/vectors.ts';

const fixtures = path.join(import.meta.dirname, '../../../fixtures');
/** Templates by subject, and thousands of random ones and of odd corners. record.go next to these records more. */
const folders = ['gotemplate', 'gotemplate-fuzz'];

describe('templates recorded from real Go', () => {
  for (const folder of folders.map((name) => path.join(fixtures, name))) {
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.jsonl'))) {
      it(`give the same: ${path.basename(file, '.jsonl')}`, () => {
        const vectors = loadVectors(path.join(folder, file));
        assert.ok(vectors.length > 0);
        assert.deepEqual(
          vectors.map(runVectorExactly).filter((failure) => failure !== undefined),
          [],
        );
      });
    }
  }
});
