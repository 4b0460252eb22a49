import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkFileNames, isFileName } from '../../../../src/driver/host/file-name.js';

describe('names of files in a volume', () => {
  for (const name of ['.env', 'ca.crt', 'http.proxy', '-', '_', '.a..b', 'a..', 'x'.repeat(253)]) {
    it(`allows ${name.slice(0, 20)}`, () => assert.equal(isFileName(name), true));
  }

  for (const name of ['', '.', '..', '..data', '..x', 'a/b', '/a', 'a\0', 'a\n', 'a b', 'ä', 'x'.repeat(254)]) {
    it(`refuses ${JSON.stringify(name.slice(0, 20))}`, () => assert.equal(isFileName(name), false));
  }

  it('allows only what is one plain directory entry that is not of the writer, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[-._a-zA-Z0-9/]*$/)), (name) => {
        const allowed = Array.from(name).every((character) => /[-._a-zA-Z0-9]/.test(character));
        const expected = allowed && name !== '' && name !== '.' && !name.startsWith('..') && name.length <= 253;
        assert.equal(isFileName(name), expected);
      }),
    );
  });

  it('refuses a set with two files of one name', () => {
    assert.throws(() => checkFileNames([{ name: 'a' }, { name: 'a' }]), { code: 'INTERNAL' });
  });
});
