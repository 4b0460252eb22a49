import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { limitsPage, limitsText } from '../../support/docs/limits-page.ts';

describe('docs/limits.md', () => {
  it('is what `npm run generate:limits` writes, with a sentence about each limit', async () => {
    assert.equal(readFileSync(limitsPage, 'utf8'), await limitsText(), 'generate it: npm run generate:limits');
  });
});
