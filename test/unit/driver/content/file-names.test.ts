import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fileNameProblem } from '../../../../src/driver/content/file-names.js';

describe('file names', () => {
  for (const name of ['a', '.env', 'settings.xml', '-x_', 'a..b', 'x'.repeat(253)]) {
    it(`may be ${name.slice(0, 20)} (${name.length})`, () => assert.equal(fileNameProblem(name), undefined));
  }

  for (const name of ['', '.', '..', '..data', '...', 'a/b', '/a', 'a b', 'a\0', 'a\n', 'é', 'x'.repeat(254)]) {
    it(`may not be ${JSON.stringify(name.slice(0, 20))} (${name.length})`, () => {
      assert.equal(typeof fileNameProblem(name), 'string');
    });
  }

  it('that pass are plain entries of one directory', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '-', '\0', '\n', ' '), maxLength: 6 }), (name) => {
        if (fileNameProblem(name) !== undefined) return;
        assert.ok(!name.includes('/') && !name.includes('\0') && name !== '.' && !name.startsWith('..'), name);
      }),
    );
  });
});
