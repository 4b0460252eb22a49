import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fileNameProblem } from '../../../../src/driver/syntax/file-name.ts';

describe('file names', () => {
  for (const name of ['a', '.env', 'settings.xml', '-x_', 'a..b', 'x'.repeat(253)]) {
    it(`may be ${name.slice(0, 20)} (${name.length})`, () => assert.equal(fileNameProblem(name), undefined));
  }

  for (const name of ['', '.', '..', '..data', '...', 'a/b', '/a', 'a b', 'a\0', 'a\n', 'é', 'x'.repeat(254)]) {
    it(`may not be ${JSON.stringify(name.slice(0, 20))} (${name.length})`, () => {
      assert.equal(typeof fileNameProblem(name), 'string');
    });
  }

  it('may be nothing but one plain directory entry that is not of the writer, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[-._a-zA-Z0-9/]*$/)), (name) => {
        const allowed = Array.from(name).every((character) => /[-._a-zA-Z0-9]/.test(character));
        const expected = allowed && name !== '' && name !== '.' && !name.startsWith('..') && name.length <= 253;
        assert.equal(fileNameProblem(name) === undefined, expected);
      }),
    );
  });

  it('that pass are plain entries of one directory', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', '/', 'a', '-', '\0', '\n', ' '), maxLength: 6 }), (name) => {
        if (fileNameProblem(name) !== undefined) return;
        assert.ok(!name.includes('/') && !name.includes('\0') && name !== '.' && !name.startsWith('..'), name);
      }),
    );
  });
});
