import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { classesPage, classesText } from '../../support/docs/classes-page.ts';

describe('docs/classes.md', () => {
  it('is what the classes generate', async () => {
    assert.equal(readFileSync(classesPage, 'utf8'), await classesText(), 'generate it: npm run generate:classes');
  });
});
